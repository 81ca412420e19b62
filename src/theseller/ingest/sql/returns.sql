-- Units that customers returned to Amazon's fulfillment centers. Amazon gives them no number: `occurrence` counts the rows of one instant, order,
-- SKU and FNSKU, which may be equal. `marketplace_id` is the store of the order, or the one that was stated for the file.
create table ingest_return (
    tenant_id           uuid not null,
    returned_at         timestamptz not null,
    order_id            text not null,
    sku                 text not null,
    fnsku               text not null,
    occurrence          int not null,
    connection_id       uuid not null,
    marketplace_id      text not null,
    local_day           date not null,
    asin                text not null,
    quantity            int not null,
    fulfillment_center  text not null,
    disposition         text not null,
    reason              text not null,
    status              text not null,
    primary key (tenant_id, returned_at, order_id, sku, fnsku, occurrence)
);
create index ingest_return_day on ingest_return (tenant_id, marketplace_id, local_day);
select guard.protect('ingest_return');

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
        union all select tenant_id, min(local_day) from public.ingest_return where local_day < oldest_day group by 1
    ) a
    where not exists (
        select from public.retention_hold h
        where h.tenant_id = a.tenant_id and h.lifted_at is null and h.placed_at <= present and present < h.until)
    group by a.tenant_id order by min(a.oldest), a.tenant_id limit least(most, 1000)
$$;
