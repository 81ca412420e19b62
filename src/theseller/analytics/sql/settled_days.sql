-- A settlement decides which source counts on every day that it touches: these are computed from all their lines, even if an order marked them
-- at the same instant.
create or replace function guard.mark_settled_days() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into public.ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
    select new.tenant_id, store, day::date, new.recorded_at
    from unnest(new.marketplace_ids) as store,
         generate_series((new.covers_from at time zone 'UTC')::date - 1, (new.covers_until at time zone 'UTC')::date + 1, interval '1 day') as day
    order by 2, 3
    on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at, orders_only_at = null;
    return null;
end
$$;
