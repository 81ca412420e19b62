-- Row security on a server whose administrator is no superuser (decision 0023).
--
-- Where a superuser prepared the database, the comparison of the policies costs the planner nothing (postgres/sql/database.sql), and nothing
-- here differs from before. Elsewhere `uuid_eq` has its usual cost, and a condition of the statement that is leakproof and costs nothing would
-- be evaluated before the policies. There the pair is:
--
--   tenant  permissive, as everywhere: for index conditions and partition pruning.
--   ticket  restrictive: an object that has the row's tenant and the ticket's as keys has no unique keys, so they are the same. The planner
--           takes constructors of JSON to cost nothing, and of equal costs the policies come first. That it does is tried at each start and by
--           the control of tenant isolation. PostgreSQL has this syntax from 16 on.
--
-- No role can have BYPASSRLS there, so a third policy, `across`, admits the probe and the owners of the functions over all tenants, which have
-- BYPASSRLS elsewhere, and the other two name the roles that they bind. A role that none of them names sees no row.

create or replace function guard.protect(target regclass, tenant_column text default 'tenant_id') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    by_ticket text := format('%I = any (array[(select guard.ticket_tenant())])', tenant_column);
    each_row  text := format('case when %I = (select guard.ticket_tenant()) then true else false end', tenant_column);
    bound     text := 'public';
    free      boolean := (select p.procost = 0 from pg_proc p where p.oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure);
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('drop policy if exists tenant on %s', target);
    execute format('drop policy if exists ticket on %s', target);
    execute format('drop policy if exists across on %s', target);
    if not free then
        bound := 'theseller_owner, theseller_migrate, theseller_web, theseller_worker, theseller_retention, theseller_pii, theseller_auth,'
                 ' theseller_operator';
        each_row := format('not (json_object(%I value 1, (select guard.ticket_tenant()) value 1) is json with unique keys)', tenant_column);
        execute format('create policy across on %s to theseller_probe, theseller_directory, theseller_requests, theseller_fingerprint'
                       ' using (true) with check (true)', target);
    end if;
    execute format('create policy tenant on %s to %s using (%s) with check (%s)', target, bound, by_ticket, by_ticket);
    execute format('create policy ticket on %s as restrictive to %s using (%s) with check (%s)', target, bound, each_row, each_row);
    perform guard.keep_no_statistics(target);
end
$$;
revoke all on function guard.protect(regclass, text) from public;
