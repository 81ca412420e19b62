-- The end of a shop: asked for by its owner, done when every connection of it is certified as erased. The ledger outlives the shop: ids,
-- counts and dates.

create table retention_shop_end (
    tenant_id     uuid primary key,  -- no foreign key: it shows what was erased, after the shop has gone
    id            uuid not null,
    asked_at      timestamptz not null,
    asked_by      text not null check (asked_by ~ '^(user|process|operator):[A-Za-z0-9_-]{1,64}$'),
    begun_at      timestamptz,
    plan          jsonb,
    steps_done    jsonb not null default '{}',
    left_over     jsonb,
    completed_at  timestamptz,
    check (completed_at is null or left_over is not null)
);
select guard.protect('retention_shop_end');

-- People whose last shop has gone: their account goes with it. An id and two dates; of nobody's shop, so under no row security.
create table retention_person_end (
    user_id       uuid primary key,
    asked_at      timestamptz not null,
    completed_at  timestamptz,
    kept          boolean not null default false  -- they have a place again, or operate this deployment
);

-- Shops that were asked to end before a moment and all of whose connections are certified: a reviewed bypass that names work, never data.
create function guard.due_shop_ends(asked_before timestamptz) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.tenant_id from public.retention_shop_end e
    where e.completed_at is null and e.asked_at <= asked_before
      and not exists (
          select from public.connections_connection c
          where c.tenant_id = e.tenant_id and not exists (
              select from public.retention_certificate r where r.tenant_id = c.tenant_id and r.connection_id = c.id))
    order by e.asked_at limit 100
$$;
revoke all on function guard.due_shop_ends(timestamptz) from public;
