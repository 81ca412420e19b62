-- Who may do what. Applied whole, in one transaction, by the administrator, after every migration; rights that a table descriptor declares
-- (each package's datamap.py) are added in the marked place. What both make of a new database is reviewed in rights.txt. Tests run with
-- exactly these grants, and a control compares the live database with what they make of a new one (rights.txt; after a change here or in a
-- migration: THESELLER_WRITE_DOCS=1 pytest tests/integration/postgres/test_privilege_comparison.py). Nothing else grants.
--
-- An administrator who is no superuser (decision 0023) can give no right to PostgreSQL's own functions and roles. What differs there is in
-- rights_without_superuser.txt, written by a test as well.
--
--   theseller_web        serves pages: signs people in, begins and ends connections, imports files, reads
--   theseller_worker     calls Amazon, writes facts and rollups
--   theseller_retention  erases, inside one tenant's scope
--   theseller_probe      looks, over all tenants (BYPASSRLS), at columns that hold no secret; adds evidence, changes nothing
--   theseller_auth       accounts, sessions, second factors, memberships, rate limits: the web's process, by a connection of its own
--   theseller_operator   what operators see across tenants: the web's process, in the operator's area only
--   theseller_pii        keeps and shows what packing slips need of buyers, inside one tenant's scope; sees nothing else
--   theseller_directory  owns the few functions that answer over all tenants; no one can sign in as it
--   theseller_session    owns the one function that tells a session when it began; no one can sign in as it
--   theseller_requests   owns the functions that record a request after checking it; no one can sign in as it
--   theseller_fingerprint owns the one function that counts and hashes a whole table for a backup; no one can sign in as it
--   theseller_backup     replicates; of tables it learns no more than counts and hashes

do $$
begin
    -- Migrations have this while they run (postgres/role_setup.py); it is left only by one that was killed.
    if exists (select from pg_auth_members where member = 'theseller_owner'::regrole
               and roleid in ('theseller_directory'::regrole, 'theseller_fingerprint'::regrole, 'theseller_requests'::regrole)) then
        revoke theseller_directory, theseller_fingerprint, theseller_requests from theseller_owner;
        alter role theseller_owner noinherit;
    end if;
end
$$;

-- A role that is given a function needs CREATE in its schema, unless a superuser gives it. Taken back at the end.
do $$
begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        grant create on schema guard to theseller_session, theseller_directory, theseller_requests, theseller_fingerprint;
    end if;
end
$$;

-- Start from nothing.
revoke all on all tables in schema public, guard, pii from public, theseller_web, theseller_worker, theseller_retention, theseller_probe,
    theseller_directory, theseller_requests, theseller_pii, theseller_auth, theseller_operator;
revoke all on all sequences in schema public, guard from public, theseller_web, theseller_worker, theseller_retention, theseller_probe;
revoke all on all functions in schema public, guard from public, theseller_pii, theseller_web, theseller_worker, theseller_retention, theseller_probe,
    theseller_auth, theseller_operator;
grant usage on schema public to theseller_directory, theseller_requests;
grant usage on schema guard to theseller_session, theseller_web, theseller_worker, theseller_retention, theseller_probe, theseller_directory, theseller_requests,
    theseller_auth, theseller_operator;
-- The guard.
grant execute on function guard.ticket_tenant() to theseller_web, theseller_worker, theseller_retention, theseller_auth, theseller_operator;
-- Only its own user learns when a session began; inside guard.ticket_tenant() the user is another.
do $$
begin
    if (select rolsuper from pg_roles where rolname = current_user) then
        grant pg_read_all_stats to theseller_session;
    else
        -- The sessions of these roles only; its one function answers for the caller's session.
        execute 'grant theseller_web, theseller_worker, theseller_retention, theseller_pii, theseller_auth, theseller_operator to theseller_session'
                ' with inherit true, set false';
    end if;
end
$$;
alter function guard.session_start() owner to theseller_session;
grant execute on function guard.session_start() to theseller_owner, theseller_web, theseller_worker, theseller_retention, theseller_pii,
    theseller_auth, theseller_operator;
grant execute on function guard.ticket_key_hashes() to theseller_probe;
grant execute on function guard.create_stage(text, text[], text[]) to theseller_web, theseller_worker;
grant select on guard.deployment to theseller_web, theseller_worker, theseller_retention, theseller_probe, theseller_auth, theseller_operator;
-- Which migrations were applied: a program of another version refuses to start.
grant select on django_migrations to theseller_web, theseller_worker;
grant execute on function guard.ensure_months(date, date) to theseller_worker;
grant execute on function guard.ticket_tenant() to theseller_directory;
grant select (tenant_id, user_id, role, marketplaces) on accounts_membership to theseller_directory;
grant select (user_id) on accounts_operator to theseller_directory;
grant select (id, email, language) on accounts_user to theseller_directory;
grant select on governance_access_session, governance_access_review, audit_event to theseller_directory;
grant select (id, name, created_at) on tenancy_tenant to theseller_directory;
grant select (tenant_id, connection_id, name, marketplace_id, due_at, lease_expires_at, last_success_at, last_outcome, failures_in_row)
    on ingest_stream to theseller_directory;
grant select (tokens, rate, burst, updated_at) on ingest_bucket to theseller_directory;
grant select (tenant_id, connection_id, planned_for) on ingest_plan to theseller_directory;
grant select (tenant_id, id, origin, authorised_at, authorisation_expires_at, selling_partner_id, seller_confirmed_at)
    on connections_connection to theseller_directory;
grant select (tenant_id, connection_id, at) on connections_disconnection to theseller_directory;
grant select on governance_deletion_request to theseller_directory;

-- What the control of tenant isolation tries to reach, as each role that it may connect as, by each verb. The table takes no other rows.
grant select, insert, update, delete on guard.isolation_probe to theseller_web, theseller_worker, theseller_retention, theseller_pii;
do $$
declare
    superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
begin
    if not superuser then  -- Row security binds the owner as well, but for this.
        alter table guard.isolation_probe no force row level security;
    end if;
    insert into guard.isolation_probe values ('00000000-0000-7000-8000-00000000000a'), ('00000000-0000-7000-8000-00000000000b')
        on conflict do nothing;
    if not superuser then
        alter table guard.isolation_probe force row level security;
    end if;
end
$$;

-- Evidence of what happened: written by every role, read by the probe, never changed. The database itself gives each line its position
-- and its transaction's number; the worker adds the checkpoints that seal it.
grant insert (id, at, tag, actor, tenant_id, subject, details) on audit_event to theseller_web, theseller_worker, theseller_retention,
    theseller_auth, theseller_operator;
grant select, insert on audit_checkpoint to theseller_worker;
grant select on audit_checkpoint, audit_copy to theseller_probe;
grant select, insert on audit_copy to theseller_worker;
grant update (last_number, noted_at) on audit_copy to theseller_worker;

-- Which lines of the log each role writes: a trigger refuses all others. `audit/event_types.py` has the same list.
delete from guard.audit_writer;
insert into guard.audit_writer (role, tag) select 'theseller_auth', unnest(array[
    'accounts:identity:linked', 'accounts:identity:refused', 'accounts:identity:unlinked',
    'accounts:invitation:made', 'accounts:invitation:withdrawn', 'accounts:membership:added',
    'accounts:membership:marketplaces_changed', 'accounts:membership:removed', 'accounts:membership:role_changed', 'accounts:password:changed', 'accounts:password:reset', 'accounts:password_link:made',
    'accounts:password_link:requested', 'accounts:recovery_codes:made',
    'accounts:second_factor:added', 'accounts:second_factor:proven', 'accounts:second_factor:refused', 'accounts:second_factor:removed',
    'accounts:session:sign_in_failed', 'accounts:session:signed_in', 'accounts:session:signed_out', 'accounts:sign_up:requested',
    'accounts:user:created',
    'accounts:user:end_intended', 'accounts:user:language_chosen',
    'governance:deletion_request:recorded', 'retention:shop:end_intended', 'tenancy:tenant:created'
]);
insert into guard.audit_writer (role, tag) select 'theseller_migrate', unnest(array[
    'accounts:operator:added', 'accounts:operator:removed', 'accounts:second_factor:removed', 'controls:prober:added', 'controls:prober:removed'
]);
insert into guard.audit_writer (role, tag) select 'theseller_operator', unnest(array[
    'governance:access:closed', 'governance:access:opened', 'governance:access:reviewed', 'governance:access:viewed',
    'governance:deletion_request:recorded', 'governance:deletion_request:unmatched', 'mail:message:retried'
]);
insert into guard.audit_writer (role, tag) select 'theseller_retention', unnest(array[
    'accounts:membership:left', 'accounts:operator:removed', 'accounts:user:erased', 'retention:certificate:issued',
    'retention:facts:aged', 'retention:purge:completed', 'retention:purge:intended', 'retention:shop:erased', 'vault:recipient:erased'
]);
insert into guard.audit_writer (role, tag) select 'theseller_web', unnest(array[
    'analytics:cost:changed', 'analytics:cost:deleted', 'analytics:expense:changed', 'analytics:expense:deleted',
    'analytics:replenishment:changed',
    'connections:authorisation:begun', 'connections:authorisation:refused', 'connections:connection:authorised',
    'connections:connection:disconnect_intended', 'connections:connection:disconnected', 'connections:seller:confirmed',
    'connections:seller:mismatch', 'governance:held:exported', 'ingest:document:imported', 'retention:certificate:downloaded',
    'vault:feature:off_intended', 'vault:feature:turned_off', 'vault:feature:turned_on', 'vault:recipient:erased',
    'vault:recipient:viewed'
]);
insert into guard.audit_writer (role, tag) select 'theseller_worker', unnest(array[
    'audit:copy:accepted', 'audit:copy:short', 'audit:log:restored', 'connections:connection:disconnect_intended', 'connections:connection:disconnected',
    'connections:seller:confirmed', 'connections:seller:mismatch', 'connections:token:lost', 'connections:token:resealed',
    'governance:access:closed', 'governance:deletion_request:recorded', 'governance:deletion_request:unmatched',
    'governance:rotation:begun', 'governance:rotation:finished', 'governance:rotation:forced', 'governance:secret:age_noted',
    'governance:secret:bundled', 'governance:secret:filled', 'governance:secret:given', 'governance:secret:put',
    'mail:address:allowed', 'mail:address:refused', 'mail:message:retried', 'mail:message:tested',
    'operations:act:unreadable', 'operations:advisories:accepted', 'operations:advisories:imported', 'operations:database:moved', 'operations:database:opened', 'operations:database:restored', 'operations:state:exported', 'operations:state:imported', 'retention:backup:end_intended',
    'retention:backup:ended', 'retention:backup:failed', 'retention:backup:intended', 'retention:backup:proven',
    'retention:backup:refused', 'retention:backup:taken', 'retention:hold:lifted', 'retention:hold:placed', 'vault:day:end_intended',
    'vault:day:ended', 'vault:feature:off_intended', 'vault:feature:turned_off', 'vault:recipient:erased', 'vault:recipient:fetched'
]);
grant select on guard.audit_writer to theseller_web, theseller_worker, theseller_retention, theseller_probe, theseller_auth, theseller_operator;

-- People, sessions, memberships, limits: by the accounts' own role. A page's own connection reads the members of its shop, and no more: SQL
-- that is injected there is no one's account.
grant select, insert on accounts_user to theseller_auth;
grant update (last_login, password, language) on accounts_user to theseller_auth;
grant select, insert, update, delete on django_session to theseller_auth;
grant select, insert, update, delete on edge_ratebucket to theseller_auth;
grant select, delete on edge_ratebucket, django_session to theseller_worker;
grant select on django_content_type, auth_permission to theseller_web;
grant select, insert on tenancy_tenant, accounts_membership to theseller_auth;
grant update (role, marketplaces) on accounts_membership to theseller_auth;
grant delete on accounts_membership to theseller_auth;
grant select on tenancy_tenant, accounts_membership to theseller_web;
grant select on tenancy_tenant to theseller_worker, theseller_retention;

-- Second factors too; the worker seals an app's secret again when the key is replaced. No role here makes an operator: only the
-- owner of the table can, by `theseller operator`.
grant select on accounts_operator to theseller_auth;
grant select, insert, update, delete on accounts_authenticator, accounts_recovery_code to theseller_auth;
grant select, insert, delete on accounts_passkey to theseller_auth;
grant update (sign_count, answered) on accounts_passkey to theseller_auth;
grant select (id, sealed, data_key_id) on accounts_authenticator to theseller_worker;
grant update (sealed, data_key_id) on accounts_authenticator to theseller_worker;

-- Operators' sessions on a shop, inside its scope, and reviews. A session is closed once; nothing else of it changes.
grant select, insert on governance_access_session to theseller_operator;
grant select on governance_access_session to theseller_web;
grant update (closed_at, closed_how) on governance_access_session to theseller_operator, theseller_worker;
grant select (id, name) on tenancy_tenant to theseller_operator;
grant select (tenant_id, id, closed_at) on governance_access_session to theseller_worker;
grant select, insert on governance_access_review to theseller_operator;
grant select (tenant_id, id, operator, opened_at, expires_at, closed_at, closed_how) on governance_access_session to theseller_probe;
grant select (id, at) on governance_access_review to theseller_probe;

-- Connections. The web seals tokens and deletes them; only the worker reads one.
grant select, insert on connections_attempt to theseller_web;
grant update (consumed_at, outcome) on connections_attempt to theseller_web;
grant select on connections_connection, connections_disconnection to theseller_web, theseller_worker, theseller_retention;
grant insert on connections_connection to theseller_web;
grant update (origin, selling_partner_id, marketplace_ids, features, roles, authorised_at, authorisation_expires_at)
    on connections_connection to theseller_web;
-- Whether Amazon confirmed the seller: the web where it authorizes, the worker where it reads.
grant update (seller_check, seller_checked_at) on connections_connection to theseller_web, theseller_worker;
grant insert on connections_disconnection to theseller_web, theseller_worker;
grant insert, delete on connections_refresh_token to theseller_web;
grant select (tenant_id, connection_id, data_key_id, sealed_at) on connections_refresh_token to theseller_web;
grant select, delete on connections_refresh_token to theseller_worker;

-- Keys that are destroyed with a connection: ids only.
grant select on connections_key to theseller_web, theseller_worker;
grant insert on connections_key to theseller_worker;

-- The vault. Buyers' data is the vault's own role's; the eraser deletes it unseen; the probe sees dates and ids. Who agreed to what, and which
-- orders were asked for, names no buyer: the web writes it, the worker answers.
grant usage on schema pii to theseller_pii, theseller_retention, theseller_probe, theseller_directory;
grant usage on schema guard to theseller_pii;
grant execute on function guard.ticket_tenant() to theseller_pii;
grant select on guard.deployment to theseller_pii;
grant select, insert, delete on pii.recipient to theseller_pii;
grant select, insert on pii.day_key to theseller_pii;
grant select (tenant_id, connection_id, order_id, expires_on), delete on pii.recipient to theseller_retention;
grant select, delete on pii.day_key to theseller_retention;
grant select (tenant_id, connection_id, fetched_at, shipped_at, expires_on, day_key_id, connection_key_id) on pii.recipient to theseller_probe;
grant select on pii.day_key to theseller_probe;
grant select, insert on vault_consent, vault_request to theseller_web;
grant update (withdrawn_at, withdrawn_by) on vault_consent to theseller_web, theseller_worker;
grant update (requested_at, requested_by, outcome, done_at) on vault_request to theseller_web, theseller_worker;
grant select on vault_consent, vault_request to theseller_worker, theseller_retention, theseller_probe;
grant select on connections_key to theseller_retention, theseller_probe;
grant delete on vault_consent, vault_request, connections_key to theseller_retention;
grant select (tenant_id, connection_id, fetched_at, expires_on) on pii.recipient to theseller_directory;
grant select (tenant_id, connection_id, given_at, withdrawn_at) on vault_consent to theseller_directory;
grant select (tenant_id, connection_id, requested_at, outcome) on vault_request to theseller_directory;

-- Facts. The web writes them too: it imports the files that a seller drops on a page.
grant select, insert, update, delete on ingest_stream, ingest_bucket to theseller_worker;
grant select, insert, update on ingest_plan to theseller_worker;
grant select on ingest_stream, ingest_drift to theseller_web;
grant select, insert, update on ingest_drift to theseller_worker;
-- Whole orders, transactions and settlements are replaced, never edited: no update.
grant select, insert, delete on ingest_order_line, ingest_ledger_line to theseller_web, theseller_worker;

-- Rollups: the worker recomputes them; the web reads, and recomputes the days of a file it has just imported.
grant select, insert, delete on analytics_day, analytics_day_product to theseller_web, theseller_worker;

-- Erasure: only inside a tenant's scope, never the evidence.
grant select, delete on ingest_plan, ingest_stream, ingest_bucket, ingest_drift, ingest_order_line, ingest_ledger_line,
    analytics_day, analytics_day_product, connections_attempt to theseller_retention;
grant select (tenant_id, connection_id) on connections_refresh_token to theseller_retention;
-- What was erased is rewritten, so that its bytes are removed. Before PostgreSQL 17 only a table's owner may rewrite it, and without a
-- superuser only the owner may rewrite PostgreSQL's own tables: the eraser's process then does that as the owner (erasure/vacuum.py), and
-- without a superuser it begins no new file of WAL. Newer grammar is in `execute`: an older server parses the whole block.
do $$
declare
    superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
begin
    if superuser then
        grant execute on function pg_catalog.pg_switch_wal() to theseller_retention;
    end if;
    if superuser and current_setting('server_version_num')::int >= 170000 then
        execute 'grant pg_maintain to theseller_retention with inherit true';
    end if;
    if superuser and current_setting('server_version_num')::int >= 160000 then
        execute 'grant pg_checkpoint to theseller_retention with inherit true';
    elsif superuser then
        execute 'grant pg_checkpoint to theseller_retention';  -- It has to SET ROLE to use it.
    end if;
    -- The planner's samples hold values of rows, and ANALYZE keeps those of a table that became empty. From 18 on there is a function of
    -- PostgreSQL's to remove them; before, only a superuser can, so here is one of ours that does nothing else.
    -- Without a superuser no table that is erased from has samples there (below).
    if not superuser or current_setting('server_version_num')::int >= 180000 then
        drop function if exists guard.clear_samples(regclass, boolean);
    else
        create or replace function guard.clear_samples(relation regclass, inherited boolean) returns void
        language sql security definer
        set search_path = pg_catalog, pg_temp
        as 'delete from pg_catalog.pg_statistic s using pg_catalog.pg_class c
            where c.oid = relation and s.starelid = c.oid and s.stainherit = inherited and c.relkind in (''r'', ''p'')
              and c.relowner = (select oid from pg_catalog.pg_roles where rolname = ''theseller_owner'')';
        revoke all on function guard.clear_samples(regclass, boolean) from public;
        grant execute on function guard.clear_samples(regclass, boolean) to theseller_retention;
    end if;
end
$$;

-- Requests for deletion: recorded with each disconnection, or before it; never changed.
grant select, insert on governance_deletion_request to theseller_operator, theseller_worker;
grant select on governance_deletion_request to theseller_web;
grant select, insert on governance_deletion_request to theseller_requests;
grant select on governance_deletion_request to theseller_probe;

-- What is held: a shop's own page counts these, too.
grant select (tenant_id, planned_for) on ingest_plan to theseller_web;
grant select (tenant_id, updated_at) on ingest_bucket to theseller_web;

-- Ends by age, and the legal holds that keep facts from it: the operator's command places them, as the worker.
grant select (tenant_id, local_day) on ingest_order_line, ingest_ledger_line, analytics_day, analytics_day_product to theseller_directory;
grant select, insert on retention_hold to theseller_worker;
grant update (lifted_at, lifted_by) on retention_hold to theseller_worker;
grant select on retention_hold to theseller_web, theseller_retention, theseller_probe;
grant select (tenant_id, placed_at, until, lifted_at) on retention_hold to theseller_directory;

-- Deletion of tenants, and of the accounts of people who have no other.
-- What of it fails: the eraser's to write; operators see all, a shop's own page its own.
grant select, insert, update, delete on retention_end_failure to theseller_retention;
grant select on retention_end_failure to theseller_directory, theseller_probe;
grant execute on function guard.ticket_tenant() to theseller_requests;
grant select (id, password) on accounts_user to theseller_requests;
grant select (user_id) on accounts_operator to theseller_requests;
grant select (tenant_id, user_id, role) on accounts_membership to theseller_requests;
grant select (tenant_id, id) on connections_connection to theseller_requests;
grant insert on retention_end_link to theseller_requests;
grant select (tenant_id, user_id) on accounts_membership, connections_attempt to theseller_retention;
grant select (tenant_id, user_id) on connections_attempt to theseller_directory;
grant delete on accounts_membership, tenancy_tenant, connections_connection, connections_disconnection to theseller_retention;
grant select (user_id) on accounts_operator, accounts_authenticator, accounts_passkey, accounts_recovery_code to theseller_retention;
grant select (id) on accounts_user to theseller_retention;
grant select (session_key) on django_session to theseller_retention;
-- An operator who leaves stops being one: the only way besides `theseller operator`.
grant delete on accounts_user, accounts_operator, accounts_authenticator, accounts_passkey, accounts_recovery_code, django_session
    to theseller_retention;
grant select (tenant_id, user_id) on accounts_membership to theseller_probe;
grant select (id) on tenancy_tenant, accounts_user to theseller_probe;
-- Their proofs, and the links to them for who has no account any more.
grant select on retention_end_link to theseller_directory;
grant insert on retention_end_link to theseller_retention;
grant select, delete on retention_end_link to theseller_retention;

-- Backups: the worker keeps their records; the backup role copies the files, marks a moment in the WAL, and has each table counted and
-- hashed at it.
grant select, insert on retention_backup, retention_drill to theseller_worker;
grant update (finished_at, bytes, first_segment, last_segment, failed, key_destroyed_at) on retention_backup to theseller_worker;
grant select on retention_backup, retention_drill to theseller_probe, theseller_web;
grant usage on schema guard to theseller_backup;
do $$
begin
    if (select rolsuper from pg_roles where rolname = current_user) then  -- Without one there is no backup of ours.
        grant pg_read_all_data to theseller_fingerprint;
        grant execute on function pg_catalog.pg_create_restore_point(text), pg_catalog.pg_switch_wal() to theseller_backup;
    end if;
end
$$;
grant execute on function guard.hold_writers() to theseller_backup;
alter function guard.fingerprint(text, text) owner to theseller_fingerprint;
grant execute on function guard.fingerprint(text, text) to theseller_backup;

-- Renewal of secrets: the worker's. It seals a token again under a new key, and writes nothing else of a connection.
grant update (sealed, data_key_id, sealed_at) on connections_refresh_token to theseller_worker;
grant select, insert, update on governance_rotation, governance_signing_key to theseller_worker;
grant select, insert on governance_secret_age to theseller_worker;
grant select on governance_rotation, governance_secret_age, governance_signing_key to theseller_probe;
grant select on governance_signing_key, governance_rotation, governance_secret_age to theseller_operator;  -- the operator's overview

-- Jobs.
grant select, insert, update, delete on procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers
    to theseller_worker;
grant usage on all sequences in schema public to theseller_worker;
-- The web adds jobs of one kind (`guard.check_job`), and reads none: their arguments name tenants and connections.
grant select (id), insert (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at) on procrastinate_jobs to theseller_web;
grant insert on procrastinate_events to theseller_web;
grant select (queueing_lock, status) on procrastinate_jobs to theseller_requests;
-- What monitoring counts (`guard.deployment_measurements`).
grant select (id, task_name, status, scheduled_at) on procrastinate_jobs to theseller_directory;
grant select (job_id, at) on procrastinate_events to theseller_directory;
grant select (last_heartbeat) on procrastinate_workers to theseller_directory;
grant usage on sequence procrastinate_jobs_id_seq, procrastinate_events_id_seq to theseller_web;
do $$
declare
    job_function regprocedure;
begin
    for job_function in
        select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'public' and p.proname like 'procrastinate\_%'
    loop
        execute format('grant execute on function %s to theseller_worker', job_function);
        if job_function::text ~ '^procrastinate_(defer_jobs|notify|trigger)' then
            execute format('grant execute on function %s to theseller_web', job_function);
        end if;
    end loop;
end
$$;

-- What waits in the queue: kinds of jobs and their arguments, which are ids and names.
grant select (task_name, args) on procrastinate_jobs to theseller_probe;

-- The probe: counts and clocks over all tenants. No sealed token, no title, no amount, no person.
grant select (tenant_id, id, user_id, state_hash, created_at, expires_at, consumed_at, outcome, features, roles) on connections_attempt to theseller_probe;
grant select on connections_connection, connections_disconnection, ingest_stream, ingest_drift, audit_event to theseller_probe;
grant select (tenant_id, connection_id, data_key_id, sealed_at) on connections_refresh_token to theseller_probe;
grant select (tenant_id, local_day, connection_id, marketplace_id) on ingest_order_line, ingest_ledger_line to theseller_probe;
-- `updated_at`: when a call was last granted, so that a call after the end of a connection shows.
grant select (tenant_id, connection_id, updated_at) on ingest_bucket to theseller_probe;
grant select (tenant_id, connection_id) on ingest_plan to theseller_probe;
grant select (tenant_id, marketplace_id, local_day) on analytics_day, analytics_day_product to theseller_probe;
-- Who operates, and whether by two factors: ids and dates only.
grant select (user_id, since) on accounts_operator to theseller_probe;
grant select (id, user_id, confirmed_at, data_key_id) on accounts_authenticator to theseller_probe;
grant select (id, user_id) on accounts_passkey to theseller_probe;
grant select (set_id, user_id) on accounts_recovery_code to theseller_probe;
grant select on controls_evidence to theseller_probe, theseller_web, theseller_worker;
grant insert on controls_evidence to theseller_probe;

-- Here: functions that answer over all tenants, with their owners and callers, and the rights on tables whose descriptors
-- declare them (each package's datamap.py, written by datamap/grant_statements.py).
-- {{ grants of the table descriptors }}

-- Statistics of row-secured tables tell their values through EXPLAIN (tenancy/sql/statistics.sql). New columns get none either, and what
-- an earlier version gathered is deleted; only a superuser can, and a database that never had one never gathered any. Before PostgreSQL 18
-- an erasure without a superuser can't delete what other tables gathered: there they gather nothing either, but for the queue's.
do $$
declare
    target regclass;
    keep_none boolean := current_setting('server_version_num')::int < 180000
                         and not (select rolsuper from pg_roles where rolname = current_user);
begin
    for target in
        select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'pii') and c.relkind in ('r', 'p')
          and (c.relrowsecurity or keep_none and c.relname not like 'procrastinate\_%')
          and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                      and a.attstattarget is distinct from 0)
    loop
        perform guard.keep_no_statistics(target);
    end loop;
    if (select rolsuper from pg_roles where rolname = current_user) then
        delete from pg_statistic s using pg_class c where c.oid = s.starelid and c.relrowsecurity;
        delete from pg_statistic s using pg_index i, pg_class c where i.indexrelid = s.starelid and c.oid = i.indrelid and c.relrowsecurity;
    end if;
end
$$;

-- Five indexes depend on the server's version (tenancy/sql/policies.sql, conditions.sql), which changes when a database is moved to a newer
-- PostgreSQL, by pg_upgrade or a dump: the tenant is their last column from 17 on, and is left out before.
do $$
declare
    found record;
    with_tenant boolean := current_setting('server_version_num')::int >= 170000;
begin
    for found in
        select i.indexrelid::regclass as name, pg_get_indexdef(i.indexrelid) as definition
        from unnest(array['public.accounts_membership_person', 'public.governance_access_session_operator', 'public.ingest_stream_due',
                          'pii.recipient_expires_on', 'public.vault_request_open']) as n (name)
        join pg_index i on i.indexrelid = to_regclass(n.name)
        where pg_get_indexdef(i.indexrelid) ~ 'btree [(][^)]*, tenant_id[)]' <> with_tenant
    loop
        execute format('drop index %s', found.name);
        if with_tenant then
            execute regexp_replace(found.definition, 'btree [(]([^)]*)[)]', 'btree (\1, tenant_id)');
        else
            execute replace(found.definition, ', tenant_id)', ')');
        end if;
    end loop;
end
$$;

-- The policies of each table are those of the administrator's kind, whichever migration or administrator made it (guard.protect).
do $$
declare
    target record;
    free boolean := (select p.procost = 0 from pg_proc p where p.oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure);
begin
    for target in
        select c.oid::regclass as name,
               case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
                    then 'tenant_id' else 'id' end as tenant_column
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'pii', 'guard') and c.relkind in ('r', 'p') and c.relrowsecurity
          and free = exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'across')
        order by c.oid
    loop
        perform guard.protect(target.name, target.tenant_column);
    end loop;
end
$$;

-- `currtid2` tells where the newest version of any row is, whatever row security says, to a role that may select from the whole table. Only a
-- superuser can take it from everybody. Without one, the roles that serve may select from every column instead, which is the same but for that.
do $$
declare
    found record;
begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        for found in
            select c.oid::regclass as name, r.rolname as role,
                   (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
                    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
            from pg_class c join pg_namespace n on n.oid = c.relnamespace, lateral aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
            where n.nspname in ('public', 'pii', 'guard') and c.relrowsecurity and g.privilege_type = 'SELECT' and g.grantee <> c.relowner
              and r.rolname <> all (array['theseller_probe', 'theseller_directory', 'theseller_requests', 'theseller_fingerprint'])
        loop
            execute format('revoke select on %s from %I', found.name, found.role);
            execute format('grant select (%s, ctid) on %s to %I', found.columns, found.name, found.role);
        end loop;
        revoke create on schema guard from theseller_session, theseller_directory, theseller_requests, theseller_fingerprint;
    end if;
end
$$;

-- An owner may call what it owns. The first migrate gives functions to their owners after the revokes above, every later one before them, and
-- both must end alike.
do $$
declare
    owned record;
begin
    for owned in
        select p.oid::regprocedure as name, r.rolname as owner from pg_proc p join pg_roles r on r.oid = p.proowner
        where p.pronamespace in ('guard'::regnamespace, 'public'::regnamespace) and r.rolname like 'theseller\_%'
    loop
        execute format('grant execute on function %s to %I', owned.name, owned.owner);
    end loop;
end
$$;
