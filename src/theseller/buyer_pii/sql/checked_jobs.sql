-- Which jobs the web's pages may put into the queue: one that fetches slips, for a connection of the tenant whose ticket is open. All others
-- are the worker's own.
create function guard.check_job() returns trigger
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
    end if;
    return new;
end
$$;
revoke all on function guard.check_job() from public;
create trigger checked before insert on procrastinate_jobs for each row execute function guard.check_job();
