-- After `counted_lines.sql`: the product sales of each order that count, those that Amazon defers apart; '' is money without an order.
select coalesce(e.order_id, '') as order_id, e.marketplace_id, e.currency, e.local_day between %(first)s and %(last)s as within,
       e.local_day < %(first)s as earlier,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted'), 0) as counted,
       coalesce(sum(e.amount) filter (where e.treatment = 'deferred'), 0) as deferred
from entry e
where e.treatment in ('counted', 'deferred') and e.kind = any (%(product_sales)s::text[])
group by 1, 2, 3, 4, 5
