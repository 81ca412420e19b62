-- Row security by the ticket alone: no setting is in any policy, and no predicate of a query can take the place of the ticket.
--
-- The planner collects equalities on one column in an equivalence class, compares its constants once, and each row with one of them only.
-- The pair of policies before this one, `column = setting` and `column = ticket`, was such a class: the ticket was compared with the
-- setting once, and each row with the setting, which SQL can change in the middle of a statement. A policy `column = (select ticket)`
-- is in a class with the statement's own `column = current_setting(...)` likewise. So neither policy below is a plain equality:
--
--   tenant  permissive: `column = any (array[(select ticket)])`. An index and partition pruning can use it, and it joins no class. As it
--           stays among the conditions of an index scan, a scan for another tenant's key ends before it reads an entry: a plain
--           equality gave its place to the statement's own, and "Rows Removed by Filter" then counted another tenant's rows by any
--           condition on the index's columns.
--   ticket  restrictive: the ticket again, per row, in a form that neither joins a class nor is an index condition. CASE, because its
--           selectivity is fixed: a second equality would have the planner expect far too few rows.
--
-- `(select ...)` is evaluated once a statement (InitPlan); a change of the setting `theseller.ticket` after it has no effect.

create or replace function guard.protect(target regclass, tenant_column text default 'tenant_id') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    by_ticket text := format('%I = any (array[(select guard.ticket_tenant())])', tenant_column);
    each_row  text := format('case when %I = (select guard.ticket_tenant()) then true else false end', tenant_column);
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('drop policy if exists tenant on %s', target);
    execute format('drop policy if exists ticket on %s', target);
    execute format('create policy tenant on %s using (%s) with check (%s)', target, by_ticket, by_ticket);
    execute format('create policy ticket on %s as restrictive using (%s) with check (%s)', target, each_row, each_row);
end
$$;
revoke all on function guard.protect(regclass, text) from public;

-- Every table and partition that has row security, whichever migration made it.
do $$
declare
    target record;
begin
    for target in
        select c.oid::regclass as name,
               case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
                    then 'tenant_id' else 'id' end as tenant_column
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'pii') and c.relkind in ('r', 'p') and c.relrowsecurity
        order by c.oid
    loop
        perform guard.protect(target.name, target.tenant_column);
    end loop;
    -- Each row is checked against the ticket now, at 0.1 µs a row, so the triggers that proved bulk writes go. The earliest databases have none.
    for target in
        select t.tgname as trigger, t.tgrelid::regclass as name from pg_trigger t
        where not t.tgisinternal and t.tgfoid in (to_regproc('guard.prove_added'), to_regproc('guard.prove_scope'))
    loop
        execute format('drop trigger %I on %s', target.trigger, target.name);
    end loop;
end
$$;
drop function if exists guard.prove_added();
drop function if exists guard.prove_scope();

-- Indexes that serve functions over all tenants had no tenant in them: a scan by a condition on their column alone read other tenants'
-- entries, and "Rows Removed by Filter" counted them. With the tenant as a key column the condition is checked inside the index.
drop index accounts_membership_person;
create index accounts_membership_person on accounts_membership (user_id, tenant_id);
drop index governance_access_session_operator;
create index governance_access_session_operator on governance_access_session (operator, opened_at, tenant_id);
drop index ingest_stream_due;
create index ingest_stream_due on ingest_stream (due_at, tenant_id);
drop index pii.recipient_dies_on;
create index recipient_dies_on on pii.recipient (dies_on, tenant_id);
drop index vault_request_open;
create index vault_request_open on vault_request (asked_at, tenant_id) where outcome is null;
