-- After `with`, counted_lines.sql: fills analytics_day_product for the slices. Money that names no product is in analytics_day only.
, ordered as (
    select o.marketplace_id, o.local_day, coalesce(o.currency, s.currency) as currency, o.sku, max(o.asin) as asin,
           count(distinct o.order_id) as orders, sum(o.quantity) as units, coalesce(sum(o.item_price), 0) as ordered_sales,
           -coalesce(sum(abs(o.promotion_discount)), 0) as promotions
    from ingest_order_line o join slice s using (marketplace_id, local_day)
    where o.tenant_id = %(tenant)s and o.local_day = any (%(days)s::date[]) and o.status <> 'cancelled' and not o.is_replacement
    group by 1, 2, 3, 4
),
posted as (
    select marketplace_id, local_day, currency, sku, max(asin) as asin,
           count(distinct coalesce(order_id, source_key)) filter (where kind = any (%(refund_charge_types)s::text[]) and amount < 0) as refunds,
           coalesce(sum(amount) filter (where kind = any (%(refunded_sales)s::text[])), 0) as refunded_sales,
           coalesce(sum(amount) filter (where kind = any (%(fees)s::text[])), 0) as fees,
           sum(amount) as net_proceeds,
           coalesce(sum(amount) filter (where kind = any (%(product_sales)s::text[])), 0) as product_sales,
           count(distinct coalesce(order_id, source_key)) filter (where kind = any (%(sale_charge_types)s::text[]) and amount > 0) as posted_orders,
           count(*) as posted_lines
    from entry where treatment = 'counted' and sku is not null and sku <> '' group by 1, 2, 3, 4
)
insert into analytics_day_product (
    tenant_id, local_day, marketplace_id, currency, sku, asin, orders, units, ordered_sales, promotions, refunds, refunded_sales, fees,
    net_proceeds, product_sales, posted_orders, posted_lines)
select %(tenant)s, local_day, marketplace_id, currency, sku, coalesce(nullif(o.asin, ''), p.asin, ''),
       coalesce(o.orders, 0), coalesce(o.units, 0), coalesce(o.ordered_sales, 0), coalesce(o.promotions, 0),
       coalesce(p.refunds, 0), coalesce(p.refunded_sales, 0), coalesce(p.fees, 0), coalesce(p.net_proceeds, 0),
       coalesce(p.product_sales, 0), coalesce(p.posted_orders, 0), coalesce(p.posted_lines, 0)
from ordered o full join posted p using (marketplace_id, local_day, currency, sku)
order by local_day, marketplace_id, currency, sku
