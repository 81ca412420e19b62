-- Jobs are named by package and function, without the names of the modules in which functions once were. Jobs that are queued, and the times
-- at which recurring ones were last queued, move along. Functions of the database get the names of what they return.
create temporary table job_name (old text, new text) on commit drop;
insert into job_name values
    ('theseller.accounts.tasks.delete_expired_sessions', 'accounts.delete_expired_sessions'),
    ('theseller.audit.tasks.seal_audit_log', 'audit.seal_audit_log'),
    ('theseller.controls.tasks.run_all_controls', 'controls.run_all_controls'),
    ('theseller.controls.tasks.run_due_controls', 'controls.run_due_controls'),
    ('theseller.edge.tasks.delete_idle_buckets', 'edge.delete_idle_buckets'),
    ('theseller.governance.tasks.close_ended_access', 'operators.close_expired_sessions'),
    ('theseller.governance.tasks.end_expired', 'privacy.disconnect_expired'),
    ('theseller.governance.tasks.rotation_due', 'key_rotation.rotate_due_secrets'),
    ('theseller.retention.tasks.erase_aged_facts', 'retention.delete_expired_facts'),
    ('theseller.retention.tasks.erase_ended_shops', 'erasure.erase_due_tenants_and_users'),
    ('theseller.retention.tasks.keep_backups', 'backups.maintain_backups'),
    ('theseller.retention.tasks.purge_due', 'erasure.erase_due_connections'),
    ('theseller.vault.tasks.fetch_recipients', 'buyer_pii.fetch_recipients'),
    ('theseller.vault.tasks.nudge_wishes', 'buyer_pii.enqueue_pending_fetches'),
    ('theseller.vault.tasks.sweep_vault', 'buyer_pii.expire_recipients');
update procrastinate_jobs j set
    task_name = n.new,
    lock = regexp_replace(j.lock, '^vault:', 'buyer_pii:'),
    queueing_lock = case when n.new = 'buyer_pii.fetch_recipients' then regexp_replace(j.queueing_lock, '^vault:', 'buyer_pii:') else n.new end
from job_name n where j.task_name = n.old;
update procrastinate_periodic_defers d set task_name = n.new from job_name n where d.task_name = n.old;
drop table job_name;

alter function guard.open_wishes(int) rename to requested_recipients;
alter function guard.slip_looks(int) rename to recipient_views;
alter function guard.aged_tenants(date, timestamptz, int) rename to tenants_with_expired_facts;

-- As before, with the new name and lock.
create or replace function guard.check_job() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant     uuid;
    connection text := new.args ->> 'connection';
begin
    if session_user = 'theseller_web' then
        tenant := guard.ticket_tenant();
        if new.task_name <> 'buyer_pii.fetch_recipients'
           or new.args <> jsonb_build_object('tenant', tenant::text, 'connection', connection)
           or (new.lock, new.queueing_lock) is distinct from ('buyer_pii:' || connection, 'buyer_pii:' || connection)
           or not exists (select from public.connections_connection c where c.tenant_id = tenant and c.id::text = connection) then
            raise insufficient_privilege using message = 'the web puts no such job into the queue';
        end if;
        -- Two at once: the second waits for the first, and sees its job.
        perform pg_advisory_xact_lock(hashtextextended(new.queueing_lock, 0));
        if exists (select from public.procrastinate_jobs j where j.queueing_lock = new.queueing_lock and j.status = 'todo') then
            raise unique_violation using
                message = 'this job is in the queue already',
                detail = format('Key (queueing_lock)=(%s) already exists.', new.queueing_lock),
                constraint = 'procrastinate_jobs_queueing_lock_idx_v1';
        end if;
    end if;
    return new;
end
$$;
