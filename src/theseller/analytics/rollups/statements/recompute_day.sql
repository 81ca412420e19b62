-- After `with`, counted_lines.sql: fills analytics_day for the slices.
, order_seen as (
    select o.marketplace_id, o.local_day, coalesce(o.currency, s.currency) as currency, o.order_id,
           bool_and(o.status = 'cancelled') as cancelled,
           bool_or(o.status = 'pending' and not o.is_replacement) as pending,
           bool_or(o.status <> 'cancelled' and not o.is_replacement) as counted,
           count(*) filter (where o.status <> 'cancelled' and not o.is_replacement) as items,
           coalesce(sum(o.quantity) filter (where o.status <> 'cancelled' and not o.is_replacement), 0) as units,
           coalesce(sum(o.quantity) filter (where o.status <> 'cancelled' and not o.is_replacement and o.item_price is null), 0) as unpriced,
           coalesce(sum(o.item_price) filter (where o.status <> 'cancelled' and not o.is_replacement), 0) as sales,
           coalesce(sum(o.item_tax) filter (where o.status <> 'cancelled' and not o.is_replacement and s.tax_included), 0) as tax,
           coalesce(sum(abs(o.promotion_discount)) filter (where o.status <> 'cancelled' and not o.is_replacement), 0) as discount
    from ingest_order_line o join slice s using (marketplace_id, local_day)
    where o.tenant_id = %(tenant)s and o.local_day = any (%(days)s::date[])
    group by 1, 2, 3, 4
),
ordered as (
    select marketplace_id, local_day, currency,
           count(*) filter (where counted) as orders, count(*) filter (where cancelled) as cancelled_orders,
           count(*) filter (where pending) as pending_orders, sum(items) as order_items, sum(units) as units,
           sum(unpriced) as unpriced_units, sum(sales) as ordered_sales, -sum(discount) as promotions,
           sum(tax) as ordered_tax
    from order_seen group by 1, 2, 3
),
posted as (
    select marketplace_id, local_day, currency,
           count(distinct coalesce(order_id, source_key)) filter (where kind = any (%(refund_charge_types)s::text[]) and amount < 0) as refunds,
           count(distinct coalesce(order_id, source_key)) filter (where kind = any (%(sale_charge_types)s::text[]) and amount > 0) as posted_orders,
           count(*) as posted_lines,
           coalesce(sum(amount) filter (where kind = any (%(product_sales)s::text[])), 0) as product_sales,
           coalesce(sum(amount) filter (where kind = any (%(credits)s::text[])), 0) as credits,
           coalesce(sum(amount) filter (where kind = any (%(discounts)s::text[])), 0) as discounts,
           coalesce(sum(amount) filter (where kind = any (%(refunded_sales)s::text[])), 0) as refunded_sales,
           coalesce(sum(amount) filter (where kind = any (%(fees)s::text[])), 0) as fees,
           coalesce(sum(amount) filter (where kind = any (%(advertising)s::text[])), 0) as advertising,
           coalesce(sum(amount) filter (where kind = any (%(reimbursements)s::text[])), 0) as reimbursements,
           coalesce(sum(amount) filter (where kind = any (%(unclassified)s::text[])), 0) as unclassified,
           sum(amount) as net_proceeds,
           coalesce(sum(amount) filter (where kind = any (%(selling_fees)s::text[])), 0) as selling_fees,
           coalesce(sum(amount) filter (where kind = any (%(fulfilment_fees)s::text[])), 0) as fulfilment_fees,
           coalesce(sum(amount) filter (where kind = any (%(storage_fees)s::text[])), 0) as storage_fees,
           coalesce(sum(amount) filter (where source = 'settlement'), 0) as settled_net
    from entry where treatment = 'counted' group by 1, 2, 3
),
-- What Amazon defers is whole transactions, with the taxes in them: only so do they add up to the balance that Amazon states.
held as (
    select marketplace_id, local_day, currency, sum(amount) as deferred,
           coalesce(sum(amount) filter (where kind = any (%(product_sales)s::text[])), 0) as deferred_sales
    from entry where treatment = 'deferred' group by 1, 2, 3
)
insert into analytics_day (
    tenant_id, local_day, marketplace_id, currency, orders, cancelled_orders, pending_orders, order_items, units, unpriced_units,
    ordered_sales, promotions, refunds, product_sales, credits, discounts, refunded_sales, fees, advertising, reimbursements, unclassified,
    net_proceeds, selling_fees, fulfilment_fees, storage_fees, deferred, ledger_source, computed_at,
    posted_orders, posted_lines, settled_net, ordered_tax, deferred_sales)
select %(tenant)s, local_day, marketplace_id, currency,
       coalesce(o.orders, 0), coalesce(o.cancelled_orders, 0), coalesce(o.pending_orders, 0), coalesce(o.order_items, 0),
       coalesce(o.units, 0), coalesce(o.unpriced_units, 0), coalesce(o.ordered_sales, 0), coalesce(o.promotions, 0),
       coalesce(p.refunds, 0), coalesce(p.product_sales, 0), coalesce(p.credits, 0), coalesce(p.discounts, 0),
       coalesce(p.refunded_sales, 0), coalesce(p.fees, 0), coalesce(p.advertising, 0), coalesce(p.reimbursements, 0),
       coalesce(p.unclassified, 0), coalesce(p.net_proceeds, 0), coalesce(p.selling_fees, 0), coalesce(p.fulfilment_fees, 0),
       coalesce(p.storage_fees, 0), coalesce(h.deferred, 0), b.source, %(at)s,
       coalesce(p.posted_orders, 0), coalesce(p.posted_lines, 0), coalesce(p.settled_net, 0), coalesce(o.ordered_tax, 0),
       coalesce(h.deferred_sales, 0)
from ordered o
full join posted p using (marketplace_id, local_day, currency)
full join held h using (marketplace_id, local_day, currency)
join book b using (marketplace_id, local_day)
order by local_day, marketplace_id, currency
