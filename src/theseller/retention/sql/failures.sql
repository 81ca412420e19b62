-- Erasures that failed, each with its reason and when it is tried again: one that keeps failing is not tried every five seconds. The row is
-- deleted when its subject's erasure gets through. Ids, dates, and a sentence of the program's own words; under no row security, since it
-- speaks of people as well: the roles that serve read it through the two functions below only.

create table retention_end_failure (
    subject_id  uuid primary key,
    kind        text not null check (kind in ('connection', 'shop', 'person')),
    failures    int not null check (failures > 0),
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    retry_at    timestamptz not null check (retry_at > last_at),
    reason      text not null check (length(reason) between 1 and 400)
);

-- As before, but what failed waits until it is tried again, and keeps none of the others from the list meanwhile.
create or replace function guard.due_purges(present timestamptz, most int)
returns table (tenant_id uuid, connection_id uuid, disconnected_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.tenant_id, d.connection_id, d.at
    from public.connections_disconnection d
    where d.at <= present
      and not exists (
          select from public.retention_certificate c where c.tenant_id = d.tenant_id and c.connection_id = d.connection_id)
      and not exists (select from public.retention_end_failure f where f.subject_id = d.connection_id and f.retry_at > present)
    order by d.at
    limit least(most, 1000)
$$;

-- Beside the function of one argument, which programs of the version before call until they are stopped.
create function guard.due_shop_ends(asked_before timestamptz, present timestamptz) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.tenant_id from public.retention_shop_end e
    where e.completed_at is null and e.asked_at <= asked_before
      and not exists (
          select from public.connections_connection c
          where c.tenant_id = e.tenant_id and not exists (
              select from public.retention_certificate r where r.tenant_id = c.tenant_id and r.connection_id = c.id))
      and not exists (select from public.retention_end_failure f where f.subject_id = e.tenant_id and f.retry_at > present)
    order by e.asked_at limit 100
$$;
revoke all on function guard.due_shop_ends(timestamptz, timestamptz) from public;

-- Erasures that fail now, the longest failing first: for operators. It names work, never data.
create function guard.failed_erasures(most int)
    returns table (subject_id uuid, kind text, failures int, first_at timestamptz, last_at timestamptz, retry_at timestamptz, reason text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select f.subject_id, f.kind, f.failures, f.first_at, f.last_at, f.retry_at, f.reason
    from public.retention_end_failure f order by f.first_at, f.subject_id limit least(most, 1000)
$$;
revoke all on function guard.failed_erasures(int) from public;

-- The same of one connection of the shop whose scope is open, for its own page: without the reason, which may name the operator's files.
create function guard.failed_erasure_of_shop(connection uuid)
    returns table (failures int, first_at timestamptz, last_at timestamptz, retry_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select f.failures, f.first_at, f.last_at, f.retry_at
    from public.retention_end_failure f
    join public.connections_disconnection d on d.connection_id = f.subject_id
    where f.subject_id = connection and d.tenant_id = guard.ticket_tenant()
$$;
revoke all on function guard.failed_erasure_of_shop(uuid) from public;
