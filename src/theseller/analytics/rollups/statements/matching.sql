-- After `related_of_days.sql` or `related_of_orders.sql`: which transactions of Finances a stored settlement holds, as far as identifiers and equal
-- sums tell; and what
-- is left of both sides, for `settlement_matching.py` to pair. `docs/figures.md` explains the rule.
--
-- It is in `analytics/rollups/independent_settlement_matching.py`, too, in Python and apart from this: each checks the other.
, superseded as materialized (
    select distinct n.source, n.supersedes as source_key
    from ingest_ledger_line n
    where n.tenant_id = any (%(tenants)s::uuid[]) and n.supersedes is not null and n.source_key <> n.supersedes
      and n.supersedes = any ((
          select array_agg(distinct k.source_key) from related k)::text[])
),
-- A financial event group becomes one settlement. Two would be a contradiction, and then the group says nothing.
grouped as materialized (
    select group_id, settlement_id from here
    union all
    select l.group_id, min(l.settlement_id)
    from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and l.settlement_id is not null
      and l.group_id = any ((
          select array_agg(k.group_id)
          from (select group_id from related where group_id is not null except select group_id from line) k)::text[])
    group by l.group_id
    having min(l.settlement_id) = max(l.settlement_id)
),
named as materialized (
    select k.source_key, max(coalesce(k.settlement_id, g.settlement_id)) as settlement_id
    from (select source_key, settlement_id, group_id from line where source = 'finances'
          union select source_key, settlement_id, group_id from related where source = 'finances') k
    left join grouped g using (group_id)
    where coalesce(k.settlement_id, g.settlement_id) is not null
    group by k.source_key
),
stored as materialized (
    select n.settlement_id
    from (select distinct settlement_id from named) n
    where (
        select true from ingest_ledger_line s
        where s.tenant_id = any (%(tenants)s::uuid[]) and s.source = 'settlement' and s.source_key = n.settlement_id limit 1)
),
-- One transaction, or one posting of a settlement: what of an order, or of none, moved at one second. `part` and `sku` tell charges without
-- an order apart. `kind` and `skus` say what it is: a sale or a refund, or else by its charges, and of which products.
posting as materialized (
    select r.source_key, coalesce(r.order_id, '') as order_id, r.currency,
           date_trunc('second', min(r.posted_at)) as second, (min(r.posted_at) at time zone 'UTC')::date as day, sum(r.amount) as total,
           bool_or(r.state = 'deferred') as deferred, bool_or(r.supersedes is not null) as release, max(n.settlement_id) as settlement_id,
           bool_or(r.kind = any (%(refunded_sales)s::text[])) as refunds, bool_or(r.kind = any (%(sales)s::text[])) as sells,
           array_agg(distinct r.kind order by r.kind) filter (where r.kind = any (%(counted_charge_types)s::text[])) as kinds,
           array_agg(distinct r.sku) filter (where r.sku <> '') as skus
    from related r
    left join named n using (source_key)
    where r.source = 'finances' and (r.source, r.source_key) not in (select x.source, x.source_key from superseded x)
    group by 1, 2, 3
    having max(n.settlement_id) is null or max(n.settlement_id) in (select s.settlement_id from stored s)
),
settled as materialized (
    select source_key, coalesce(order_id, '') as order_id, currency, date_trunc('second', posted_at) as second,
           (posted_at at time zone 'UTC')::date as day, transaction_type,
           case when coalesce(order_id, '') = '' then part else '' end as part,
           case when coalesce(order_id, '') = '' then sku else '' end as sku, sum(amount) as total,
           bool_or(kind = any (%(refunded_sales)s::text[])) as refunds, bool_or(kind = any (%(sales)s::text[])) as sells,
           array_agg(distinct kind order by kind) filter (where kind = any (%(counted_charge_types)s::text[])) as kinds,
           array_agg(distinct related.sku) filter (where related.sku <> '') as skus
    from related where source = 'settlement' group by 1, 2, 3, 4, 5, 6, 7, 8
),
-- 1. Everything of an order that was posted at one second adds up to the same in both.
by_second as (
    select order_id, currency, second from (
        select order_id, currency, second, sum(total) as total from posting where not deferred group by 1, 2, 3) f
    join (select order_id, currency, second, sum(total) as total from settled group by 1, 2, 3) s using (order_id, currency, second)
    where f.total = s.total
),
posting_1 as (select * from posting p where not deferred and (order_id, currency, second) not in (select * from by_second)),
settled_1 as (select * from settled s where (order_id, currency, second) not in (select * from by_second)),
-- 2. Everything of an order, or of none, that was posted on one day does: some settlements print only the day.
by_day as (
    select order_id, currency, day from (
        select order_id, currency, day, sum(total) as total from posting_1 group by 1, 2, 3) f
    join (select order_id, currency, day, sum(total) as total from settled_1 group by 1, 2, 3) s using (order_id, currency, day)
    where f.total = s.total
),
posting_2 as materialized (select * from posting_1 where (order_id, currency, day) not in (select * from by_day)),
settled_2 as materialized (select * from settled_1 where (order_id, currency, day) not in (select * from by_day)),
-- 3. The rest, where both sides have something left.
open_posting as materialized (
    select f.* from (select * from posting_2 union all select * from posting where deferred) f
    where (f.order_id, f.currency) in (select order_id, currency from settled_2)
),
matched as (
    select source_key, currency from posting where not deferred and settlement_id is not null
    union select source_key, currency from posting where not deferred and (order_id, currency, second) in (select * from by_second)
    union select source_key, currency from posting_1 where (order_id, currency, day) in (select * from by_day)
    union select l.source_key, l.currency from line l
    join named n on n.source_key = l.source_key join stored s on s.settlement_id = n.settlement_id
    where l.source = 'finances' and l.state = 'released'
)
select 'matched' as side, source_key, '' as order_id, currency, null::timestamptz as second, null::numeric as total, null::text as kind,
       null::text[] as skus, null::boolean as deferred, null::boolean as release, null::text as settlement_id,
       null::timestamptz as begins, null::timestamptz as ends
from matched
union all
select 'transaction', source_key, order_id, currency, second, total,
       case when refunds then 'refund' when sells then 'sale' else coalesce(array_to_string(kinds, ' '), '') end, coalesce(skus, '{}'), deferred, release,
       settlement_id, null, null
from open_posting
union all
select 'settlement', s.source_key, s.order_id, s.currency, s.second, s.total,
       case when s.refunds then 'refund' when s.sells then 'sale' else coalesce(array_to_string(s.kinds, ' '), '') end, coalesce(s.skus, '{}'), false, false,
       s.source_key, d.covers_from, d.covers_until
from settled_2 s
left join ingest_document d on d.tenant_id = %(tenant)s and d.report_type = any (%(settlement_reports)s::text[]) and d.source_key = s.source_key
where (s.order_id, s.currency) in (select order_id, currency from open_posting)
