-- Who may enter a database of TheSeller, and its schema. Run inside that database by the administrator; the same however often it is run.

do $$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect, temporary on database %I to theseller_migrate', current_database());
    execute format('revoke temporary on database %I from theseller_web, theseller_worker, theseller_retention', current_database());
    execute format('grant connect on database %I to theseller_web, theseller_worker, theseller_retention, theseller_probe,'
                   ' theseller_backup, theseller_pii, theseller_auth, theseller_operator', current_database());
end
$$;

-- Bulk writes go through temporary tables that guard.create_stage makes with the owner's rights: a role that serves can put nothing of
-- its own into pg_temp, where a later request on the same connection would find it before the real thing.
revoke all on schema public from public;
-- Since 16 the database's owner has this by itself; on 15 only an inheriting role does, and ours do not inherit.
grant usage, create on schema public to theseller_owner;
grant usage on schema public to theseller_web, theseller_worker, theseller_retention, theseller_probe, theseller_backup,
    theseller_auth, theseller_operator;

-- The comparison that row security rests on costs the planner nothing, so that it comes before every condition of a statement's own.
-- A condition that PostgreSQL knows to be leakproof passes before the policies if it is cheaper, and `is null`, a boolean column and a
-- subscript (`('{"A": 1}'::jsonb)[sku] is not null`) cost 0. Whether the ticket was then evaluated at all told of other tenants' rows.
-- Only a superuser can: without one, the policies are others, which need no such change (tenancy/sql/protection_without_superuser.sql).
do $$
begin
    if (select rolsuper from pg_roles where rolname = current_user) then
        update pg_catalog.pg_proc set procost = 0 where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure and procost <> 0;
        -- It answers for any row, whatever row security says. Without a superuser no role has SELECT on a whole table of a tenant, which
        -- it asks for (grants.sql).
        revoke execute on function pg_catalog.currtid2(text, tid) from public;
    end if;
end
$$;
