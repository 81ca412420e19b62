-- After `open_transactions.sql` and `lines_of_orders.sql`: as `related_of_days.sql`, of lines that are read already.
, related as materialized (
    select l.source, l.source_key, l.order_id, l.posted_at, l.state, l.transaction_type, split_part(l.breakdown, '/', 1) as part,
           l.kind, coalesce(l.sku, '') as sku, l.currency, l.amount, l.settlement_id, l.group_id, l.supersedes
    from every_line l
    where l.order_id = any (%(wanted_orders)s::text[])
      and l.state not in ('estimated', 'reversed', 'elsewhere') and not l.kind = any (%(cash_charge_types)s::text[])
)
