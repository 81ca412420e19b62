-- After `counted_lines.sql` and `ordered.sql`: the totals of these days, computed from all their lines. Followed by
-- `write_totals.sql`. Money that names no product is in analytics_day only.
, posted as (
    select marketplace_id, local_day, currency,
           count(distinct coalesce(order_id, source_key)) filter (where kind = any (%(refund_charge_types)s::text[]) and amount < 0) as refunds,
           count(distinct coalesce(order_id,
           source_key)) filter (where kind = any (%(sale_charge_types)s::text[]) and amount > 0) as posted_orders,
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
),
posted_product as (
    select marketplace_id, local_day, currency, sku, max(asin) as asin,
           count(distinct coalesce(order_id, source_key)) filter (where kind = any (%(refund_charge_types)s::text[]) and amount < 0) as refunds,
           coalesce(sum(amount) filter (where kind = any (%(refunded_sales)s::text[])), 0) as refunded_sales,
           coalesce(sum(amount) filter (where kind = any (%(fees)s::text[])), 0) as fees,
           sum(amount) as net_proceeds,
           coalesce(sum(amount) filter (where kind = any (%(product_sales)s::text[])), 0) as product_sales,
           count(distinct coalesce(order_id,
           source_key)) filter (where kind = any (%(sale_charge_types)s::text[]) and amount > 0) as posted_orders,
           count(*) as posted_lines
    from entry where treatment = 'counted' and sku is not null and sku <> '' group by 1, 2, 3, 4
),
-- Units of sales. Amazon's quantity is on one line of an item; a posting of a product without any has an unknown quantity, and so has its day.
sale_units as (
    select marketplace_id, local_day, currency, sku, case when bool_and(units > 0) then sum(units) end as posted_units
    from (select marketplace_id, local_day, currency, sku, coalesce(sum(quantity), 0) as units
          from entry
          where treatment = 'counted' and sku is not null and sku <> '' and kind = any (%(sale_charge_types)s::text[]) and amount > 0
          group by 1, 2, 3, 4, source, source_key, order_id, posted_at) posting
    group by 1, 2, 3, 4
),
fresh as materialized (
    select local_day, marketplace_id, currency, coalesce(o.orders, 0) as orders, coalesce(o.cancelled_orders, 0) as cancelled_orders,
           coalesce(o.pending_orders, 0) as pending_orders, coalesce(o.order_items, 0) as order_items, coalesce(o.units, 0) as units,
           coalesce(o.unpriced_units, 0) as unpriced_units, coalesce(o.ordered_sales, 0) as ordered_sales,
           coalesce(o.promotions, 0) as promotions, coalesce(p.refunds, 0) as refunds, coalesce(p.product_sales, 0) as product_sales,
           coalesce(p.credits, 0) as credits, coalesce(p.discounts, 0) as discounts, coalesce(p.refunded_sales, 0) as refunded_sales,
           coalesce(p.fees, 0) as fees, coalesce(p.advertising, 0) as advertising, coalesce(p.reimbursements, 0) as reimbursements,
           coalesce(p.unclassified, 0) as unclassified, coalesce(p.net_proceeds, 0) as net_proceeds,
           coalesce(p.selling_fees, 0) as selling_fees, coalesce(p.fulfilment_fees, 0) as fulfilment_fees,
           coalesce(p.storage_fees, 0) as storage_fees, coalesce(h.deferred, 0) as deferred, b.source as ledger_source,
           coalesce(p.posted_orders, 0) as posted_orders, coalesce(p.posted_lines, 0) as posted_lines,
           coalesce(p.settled_net, 0) as settled_net, coalesce(o.ordered_tax, 0) as ordered_tax,
           coalesce(h.deferred_sales, 0) as deferred_sales
    from ordered o
    full join posted p using (marketplace_id, local_day, currency)
    full join held h using (marketplace_id, local_day, currency)
    join book b using (marketplace_id, local_day)
),
fresh_product as materialized (
    select local_day, marketplace_id, currency, sku, coalesce(nullif(o.asin, ''), p.asin, '') as asin, coalesce(o.orders, 0) as orders,
           coalesce(o.units, 0) as units, coalesce(o.ordered_sales, 0) as ordered_sales, coalesce(o.promotions, 0) as promotions,
           coalesce(p.refunds, 0) as refunds, coalesce(p.refunded_sales, 0) as refunded_sales, coalesce(p.fees, 0) as fees,
           coalesce(p.net_proceeds, 0) as net_proceeds, coalesce(p.product_sales, 0) as product_sales,
           coalesce(p.posted_orders, 0) as posted_orders, coalesce(p.posted_lines, 0) as posted_lines,
           case when p.posted_orders > 0 then u.posted_units else 0 end as posted_units
    from ordered_product o full join posted_product p using (marketplace_id, local_day, currency, sku)
    left join sale_units u using (marketplace_id, local_day, currency, sku)
),
sure as (select marketplace_id, local_day from slice)
