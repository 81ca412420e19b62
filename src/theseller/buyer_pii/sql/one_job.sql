-- As before, and a job that is in the queue already is named here: the web may not read the queue, so the unique index would refuse it without
-- a word of why, and a person who asks twice would get an error.
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
        if new.task_name <> 'theseller.vault.tasks.fetch_recipients'
           or new.args <> jsonb_build_object('tenant', tenant::text, 'connection', connection)
           or (new.lock, new.queueing_lock) is distinct from ('vault:' || connection, 'vault:' || connection)
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
