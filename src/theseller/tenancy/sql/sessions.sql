-- Tickets are bound to one session of the database: its process id and the moment it began. A process id alone is used again by a later
-- session, and a ticket of a closed connection opened that one.

-- Answers when this session began, in microseconds of Unix time. Its owner may see the start of any session (pg_read_all_stats), which a
-- function with another owner's rights can't; it answers for no other session than the caller's.
create function guard.session_start() returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select (extract(epoch from a.backend_start) * 1000000)::bigint from pg_stat_get_activity(pg_backend_pid()) a
$$;
revoke all on function guard.session_start() from public;

-- The pattern has no backslash, and the setting by which a backslash would be read is the function's own: it is read by the rules of the
-- first caller's session, and with `standard_conforming_strings` off, `\|` is an alternation, so that every genuine ticket would be refused.
create or replace function guard.ticket_tenant() returns uuid
language plpgsql stable security definer cost 100
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    -- The claim, then its parts (tenant, process id, start of the session, end of the ticket), then the signature.
    part text[];
    ticket text := current_setting('theseller.ticket', true);
begin
    if ticket is null or ticket = '' then
        raise insufficient_privilege using message = 'no tenant scope is open';
    end if;
    part := regexp_match(ticket, '^(([0-9a-f-]{36})[|]([0-9]{1,10})[|]([0-9]{1,18})[|]([0-9]{1,12}))[|]([0-9a-f]{64})$');
    if part is null then
        raise insufficient_privilege using message = 'the tenant ticket is malformed';
    end if;
    if not exists (
        select from guard.ticket_key k
        where sha256(k.outer_block || sha256(k.inner_block || convert_to(part[1], 'UTF8'))) = decode(part[6], 'hex')
    ) then
        raise insufficient_privilege using message = 'the tenant ticket is forged';
    end if;
    if part[3]::bigint <> pg_backend_pid() or part[4]::bigint is distinct from guard.session_start() then
        raise insufficient_privilege using message = 'the tenant ticket belongs to another connection';
    end if;
    if to_timestamp(part[5]::bigint) < clock_timestamp() then
        raise insufficient_privilege using message = 'the tenant ticket is out of date';
    end if;
    return part[2]::uuid;
end
$$;

-- Makes a temporary table for a bulk write: COPY into a row-secured table is refused. The roles that serve may make none themselves, so
-- that no view or table of a request's own can take the place of a real one.
create function guard.create_stage(name text, columns text[], types text[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body text;
begin
    if name !~ '^(incoming|standing)_[a-z_]{1,40}$' or cardinality(columns) <> cardinality(types) then
        raise invalid_parameter_value using message = 'not the name or the columns of a stage';
    end if;
    select string_agg(format('%I %s', c, format_type(t::regtype, null)), ', ' order by n) into body
    from unnest(columns, types) with ordinality as u (c, t, n);
    execute format('drop table if exists pg_temp.%I', name);
    execute format('create temporary table %I (%s) on commit drop', name, body);
    execute format('grant select, insert on pg_temp.%I to %I', name, session_user);
end
$$;
revoke all on function guard.create_stage(text, text[], text[]) from public;
