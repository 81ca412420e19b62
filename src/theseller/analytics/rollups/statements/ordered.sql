-- After `slice.sql`: what was ordered on these days, by store and currency, and by product.
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
ordered_product as (
    select o.marketplace_id, o.local_day, coalesce(o.currency, s.currency) as currency, o.sku, max(o.asin) as asin,
           count(distinct o.order_id) as orders, sum(o.quantity) as units, coalesce(sum(o.item_price), 0) as ordered_sales,
           -coalesce(sum(abs(o.promotion_discount)), 0) as promotions
    from ingest_order_line o join slice s using (marketplace_id, local_day)
    where o.tenant_id = %(tenant)s and o.local_day = any (%(days)s::date[]) and o.status <> 'cancelled' and not o.is_replacement
    group by 1, 2, 3, 4
)
