-- Two ways past the policies' order of evaluation, and one to make a session refuse its own tickets.

-- The pattern was read by the rules of the first caller's session: with `standard_conforming_strings` off, `\|` was an alternation, and
-- every genuine ticket was refused as forged until the session ended. It has no backslash now, and the setting is the function's own.
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

-- Before 17 the planner leaves `tenant_id = any (...)` out of an index condition unless the tenant is the first column. The statement's own
-- `tenant_id = '<another>'` then took that place in these five indexes, and EXPLAIN ANALYZE counted the other tenant's entries. Without the
-- tenant in them it counts all tenants' entries together.
do $$
begin
    if current_setting('server_version_num')::int < 170000 then
        drop index accounts_membership_person;
        create index accounts_membership_person on accounts_membership (user_id);
        drop index governance_access_session_operator;
        create index governance_access_session_operator on governance_access_session (operator, opened_at);
        drop index ingest_stream_due;
        create index ingest_stream_due on ingest_stream (due_at);
        drop index pii.recipient_dies_on;
        create index recipient_dies_on on pii.recipient (dies_on);
        drop index vault_request_open;
        create index vault_request_open on vault_request (asked_at) where outcome is null;
    end if;
end
$$;
