-- After `with`, `counted_lines.sql`: what Amazon posted for each order and currency, whichever day. Deferred transactions are whole, with
-- the taxes in them.
select e.order_id, e.currency,
       count(*) filter (where e.treatment = 'counted') as posted_lines,
       count(*) filter (where e.treatment = 'counted' and e.source = 'settlement') as settled_lines,
       count(*) filter (where e.treatment = 'deferred') as deferred_lines,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted' and e.kind = any (%(product_sales)s::text[])), 0) as product_sales,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted' and e.kind = any (%(refunded_sales)s::text[])), 0) as refunded_sales,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted' and e.kind = any (%(fees)s::text[])), 0) as fees,
       coalesce(sum(e.amount) filter (where e.treatment = 'counted'), 0) as net_proceeds,
       coalesce(sum(e.amount) filter (where e.treatment = 'deferred'), 0) as deferred
from entry e
group by e.order_id, e.currency
