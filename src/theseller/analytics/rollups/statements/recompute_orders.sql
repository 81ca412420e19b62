-- After `slice.sql` and `ordered.sql`, for days of which only orders changed: the totals of these days, with what was posted as it is stored.
-- Followed by `write_totals.sql`. Not `sure` are days for which stored totals don't tell what was posted: those without any; those with a row
-- that may remain for money that adds up to nothing; those with a product whose ASIN only money may name, or whose posted units are not
-- known: programs of the release before don't write them.
, former as materialized (
    select t.* from analytics_day t join slice s using (marketplace_id, local_day)
    where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[])
),
former_product as materialized (
    select t.* from analytics_day_product t join slice s using (marketplace_id, local_day)
    where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[])
),
book as (
    select marketplace_id, local_day, max(ledger_source) as source from former group by 1, 2
),
fresh as materialized (
    select local_day, marketplace_id, currency,
           coalesce(o.orders, 0) as orders, coalesce(o.cancelled_orders, 0) as cancelled_orders,
           coalesce(o.pending_orders, 0) as pending_orders, coalesce(o.order_items, 0) as order_items, coalesce(o.units, 0) as units,
           coalesce(o.unpriced_units, 0) as unpriced_units, coalesce(o.ordered_sales, 0) as ordered_sales,
           coalesce(o.promotions, 0) as promotions, coalesce(f.refunds, 0) as refunds, coalesce(f.product_sales, 0) as product_sales,
           coalesce(f.credits, 0) as credits, coalesce(f.discounts, 0) as discounts, coalesce(f.refunded_sales, 0) as refunded_sales,
           coalesce(f.fees, 0) as fees, coalesce(f.advertising, 0) as advertising, coalesce(f.reimbursements, 0) as reimbursements,
           coalesce(f.unclassified, 0) as unclassified, coalesce(f.net_proceeds, 0) as net_proceeds,
           coalesce(f.selling_fees, 0) as selling_fees, coalesce(f.fulfilment_fees, 0) as fulfilment_fees,
           coalesce(f.storage_fees, 0) as storage_fees, coalesce(f.deferred, 0) as deferred,
           coalesce(f.ledger_source, b.source) as ledger_source, coalesce(f.posted_orders, 0) as posted_orders,
           coalesce(f.posted_lines, 0) as posted_lines, coalesce(f.settled_net, 0) as settled_net,
           coalesce(o.ordered_tax, 0) as ordered_tax, coalesce(f.deferred_sales, 0) as deferred_sales,
           o.local_day is not null or f.posted_lines > 0 or f.deferred <> 0 or f.deferred_sales <> 0 as is_sure
    from ordered o
    full join former f using (local_day, marketplace_id, currency)
    join book b using (marketplace_id, local_day)
),
fresh_product as materialized (
    select local_day, marketplace_id, currency, sku,
           coalesce(nullif(o.asin, ''), case when f.posted_lines > 0 then f.asin end, '') as asin, coalesce(o.orders, 0) as orders,
           coalesce(o.units, 0) as units, coalesce(o.ordered_sales, 0) as ordered_sales, coalesce(o.promotions, 0) as promotions,
           coalesce(f.refunds, 0) as refunds, coalesce(f.refunded_sales, 0) as refunded_sales, coalesce(f.fees, 0) as fees,
           coalesce(f.net_proceeds, 0) as net_proceeds, coalesce(f.product_sales, 0) as product_sales,
           coalesce(f.posted_orders, 0) as posted_orders, coalesce(f.posted_lines, 0) as posted_lines,
           coalesce(f.posted_units, 0) as posted_units,
           (coalesce(o.asin, '') <> '' or f.orders = 0 or f.asin = '' or f.posted_lines = 0 or f.local_day is null)
             and (f.posted_units is not null or f.posted_lines = 0 or f.local_day is null) as is_sure
    from ordered_product o full join former_product f using (local_day, marketplace_id, currency, sku)
    where o.local_day is not null or f.posted_lines > 0
),
sure as materialized (
    select marketplace_id, local_day from book
    except select marketplace_id, local_day from fresh where not is_sure
    except select marketplace_id, local_day from fresh_product where not is_sure
)
