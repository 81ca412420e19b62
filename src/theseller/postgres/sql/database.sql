-- Who may enter a database of TheSeller, and its schema. Run inside that database as superuser; the same however often it is run.

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
