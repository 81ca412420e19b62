-- What the head of a settlement states: its payout, with which its lines are compared, and when it was paid. Settlements that were stored before
-- have no row here: their payout is not known.
create table ingest_settlement (
    tenant_id      uuid not null,
    settlement_id  text not null,
    connection_id  uuid not null,
    currency       text not null,
    total_amount   numeric(20, 4) not null,
    starts_at      timestamptz not null,
    ends_at        timestamptz not null,
    deposited_at   timestamptz not null,
    recorded_at    timestamptz not null,
    primary key (tenant_id, settlement_id)
);
select guard.protect('ingest_settlement');

-- When Amazon releases a transaction that it defers, as far as it states it.
alter table ingest_ledger_line add column matures_at timestamptz;

-- As before, with the new table.
create or replace function guard.tenants_with_expired_facts(oldest_day date, present timestamptz, most int) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select a.tenant_id from (
        select tenant_id, min(local_day) as oldest from public.ingest_order_line where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.ingest_ledger_line where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.ingest_traffic_day where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.analytics_day where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.analytics_day_product where local_day < oldest_day group by 1
        union all select tenant_id, min(updated_at)::date from public.ingest_product where updated_at < oldest_day group by 1
        union all select tenant_id, min(as_of)::date from public.ingest_inventory where as_of < oldest_day group by 1
        union all select tenant_id, min(covers_until)::date from public.ingest_document where covers_until < oldest_day group by 1
        union all select tenant_id, min(ends_at)::date from public.ingest_settlement where ends_at < oldest_day group by 1
    ) a
    where not exists (
        select from public.retention_hold h
        where h.tenant_id = a.tenant_id and h.lifted_at is null and h.placed_at <= present and present < h.until)
    group by a.tenant_id order by min(a.oldest), a.tenant_id limit least(most, 1000)
$$;
