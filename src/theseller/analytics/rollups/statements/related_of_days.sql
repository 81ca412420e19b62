-- After `open_transactions.sql`: what may hold the same money as the transactions whose settlement is not stated: the lines of their orders, and
-- those without an order of the same days (UTC). Followed by `matching.sql`.
, related as materialized (
    select l.source, l.source_key, l.order_id, l.posted_at, l.state, l.transaction_type, split_part(l.breakdown, '/', 1) as part,
           l.kind, coalesce(l.sku, '') as sku, l.currency, l.amount, l.settlement_id, l.group_id, l.supersedes
    from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and l.order_id = any (%(wanted_orders)s::text[])
      and l.state not in ('estimated', 'reversed', 'elsewhere') and not l.kind = any (%(cash_charge_types)s::text[])
    union all
    select l.source, l.source_key, '', l.posted_at, l.state, l.transaction_type, split_part(l.breakdown, '/', 1),
           l.kind, coalesce(l.sku, ''), l.currency, l.amount, l.settlement_id, l.group_id, l.supersedes
    from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and coalesce(l.order_id, '') = '' and l.state not in ('estimated', 'reversed', 'elsewhere')
      and not l.kind = any (%(cash_charge_types)s::text[])
      and l.local_day = any (%(near_wanted_days)s::date[]) and (l.posted_at at time zone 'UTC')::date = any (%(wanted_days)s::date[])
)
