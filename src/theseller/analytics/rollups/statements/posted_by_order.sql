-- After `counted_lines.sql`: what was posted of each product of each order, and in which settlement; '' is money without an order, without a product,
-- and of no stored settlement. Product sales that count, those that Amazon defers apart, the units that are stated with them; and net proceeds.
select coalesce(e.order_id, '') as order_id, coalesce(e.sku, '') as sku, e.marketplace_id, e.currency,
       e.local_day between %(first)s and %(last)s as within, e.local_day < %(first)s as earlier,
       case when e.source = 'settlement' then e.source_key else '' end as settlement,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted' and e.kind = any (%(product_sales)s::text[])), 0) as counted,
       coalesce(sum(e.amount) filter (where e.treatment = 'deferred' and e.kind = any (%(product_sales)s::text[])), 0) as deferred,
       coalesce(sum(e.quantity) filter (where e.kind = any (%(sale_charge_types)s::text[]) and e.amount > 0), 0) as units,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted'), 0) as net
from entry e
where e.treatment in ('counted', 'deferred')
group by 1, 2, 3, 4, 5, 6, 7
