-- Who wrote a line, and when, are the database's own words; which lines a role may write is in a table.

-- The role that signed in and wrote the line; null in lines of earlier versions, whose digests were made without it.
alter table audit_event add column db_role text;

-- Filled by grants.sql at each migrate, from the list of tags in the program.
create table guard.audit_writer (
    role  text not null,
    tag   text not null,
    primary key (role, tag)
);
revoke all on guard.audit_writer from public;

-- The application dates a line by the moment at which its work began. That is accepted if it is near this moment; otherwise the line is dated
-- by the database. A database of tests, which work at moments of their own, keeps what it is given.
create or replace function guard.number_event() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    present timestamptz := clock_timestamp();
begin
    -- While a migration runs, between this file and grants.sql, the table is empty.
    if session_user like 'theseller\_%' and session_user <> 'theseller_super' and exists (select from guard.audit_writer)
       and not exists (select from guard.audit_writer w where w.role = session_user and w.tag = new.tag) then
        raise insufficient_privilege using message = format('%s writes no line %s', session_user, new.tag);
    end if;
    -- A page writes about its own tenant only, which its ticket proves.
    if session_user in ('theseller_web', 'theseller_auth', 'theseller_operator') then
        if new.tenant_id is null then
            -- The proof of a deletion is handed to anyone who has its link, after the tenant is deleted.
            if session_user = 'theseller_web' and new.tag <> 'retention:certificate:downloaded' then
                raise insufficient_privilege using message = 'a page writes about its own tenant, in its scope';
            end if;
        elsif new.tenant_id <> guard.ticket_tenant() then
            raise insufficient_privilege using message = 'a line about a tenant is written in its scope';
        end if;
    end if;
    if new.at not between present - interval '2 minutes' and present + interval '5 seconds'
       and not exists (select from guard.deployment d where d.environment = 'test') then
        -- What was said stays in the line: an act at the command line may be taken in long after it was noted.
        new.details := new.details || jsonb_build_object('given_at', to_char(new.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
        new.at := present;
    end if;
    new.db_role := session_user;
    new.txid := pg_current_xact_id()::text::bigint;
    new.position := nextval('guard.audit_position');
    return new;
end
$$;

-- Checkpoints are numbered without a gap, in the order in which they are added.
create function guard.number_checkpoint() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    next bigint := (select coalesce(max(c.number), 0) + 1 from public.audit_checkpoint c);
begin
    if new.number <> next then
        raise insufficient_privilege using message = format('the next checkpoint is number %s', next);
    end if;
    return new;
end
$$;
revoke all on function guard.number_checkpoint() from public;
create trigger numbered before insert on audit_checkpoint for each row execute function guard.number_checkpoint();
