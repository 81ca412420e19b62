-- What ends by age alone, and what may hold it up: a legal hold keeps a shop's facts from their age limit. It never keeps data of a
-- connection that has ended (docs/operate/deletion.md says why).

create table retention_hold (
    tenant_id  uuid not null,  -- no foreign key: that something was held, why and by whom outlives the shop
    id         uuid not null,
    reason     text not null check (length(reason) between 20 and 1000),
    placed_by  text not null check (placed_by ~ '^(user|process|operator):[A-Za-z0-9_-]{1,64}$'),
    placed_at  timestamptz not null,
    until      timestamptz not null,
    lifted_at  timestamptz,
    lifted_by  text,
    primary key (tenant_id, id),
    constraint retention_hold_year check (until > placed_at and until <= placed_at + interval '8784 hours'),
    check ((lifted_at is null) = (lifted_by is null))
);
select guard.protect('retention_hold');

-- The shops that have a fact older than a day: a reviewed bypass that names work, never data.
create function guard.aged_tenants(oldest_day date, most int) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select a.tenant_id from (
        select tenant_id from public.ingest_order_line where local_day < oldest_day
        union select tenant_id from public.ingest_ledger_line where local_day < oldest_day
        union select tenant_id from public.ingest_traffic_day where local_day < oldest_day
        union select tenant_id from public.analytics_day where local_day < oldest_day
        union select tenant_id from public.analytics_day_product where local_day < oldest_day
        union select tenant_id from public.ingest_product where updated_at < oldest_day
        union select tenant_id from public.ingest_inventory where as_of < oldest_day
        union select tenant_id from public.ingest_document where covers_until < oldest_day
    ) a limit least(most, 1000)
$$;
revoke all on function guard.aged_tenants(date, int) from public;
