-- Which lines count. Common table expressions after `days.sql`, read by the recomputation and by the page of one day:
--   slice   the (store, day) pairs asked for, with the instants of their two midnights and the store's currency
--   entry   every ledger line of these days, with `verdict`: 'counted', or why not
--   book    which sources the counted lines of each pair come from
--
-- Every transaction counts once. The lines of a stored settlement count. A transaction of Finances counts unless it is in a stored
-- settlement: by its settlement's number, else by that of its financial event group (both as Amazon states them), else because a stored
-- settlement holds the same money: of the same order, or without an order on the same day. A settlement that merely covers the day says
-- nothing: a store has several at once (Standard and Invoiced orders, COD), and deferred transactions are in none.
--
-- The same rule is in `analytics/settled.py`, in Python and apart from this: each checks the other. `docs/figures.md` explains it.
, related as materialized (
    select l.source, l.source_key, l.order_id, l.posted_at, l.state, l.transaction_type, split_part(l.breakdown, '/', 1) as part,
           coalesce(l.sku, '') as sku, l.currency, l.amount, l.settlement_id, l.group_id, l.supersedes
    from ingest_ledger_line l
    where l.tenant_id = %(tenant)s and l.order_id = any (%(wanted_orders)s::text[])
      and l.state not in ('estimated', 'reversed') and not l.kind = any (%(cash_kinds)s::text[])
    union all
    select l.source, l.source_key, '', l.posted_at, l.state, l.transaction_type, split_part(l.breakdown, '/', 1),
           coalesce(l.sku, ''), l.currency, l.amount, l.settlement_id, l.group_id, l.supersedes
    from ingest_ledger_line l
    where l.tenant_id = %(tenant)s and coalesce(l.order_id, '') = '' and l.state not in ('estimated', 'reversed')
      and not l.kind = any (%(cash_kinds)s::text[])
      and l.local_day = any (%(near_wanted_days)s::date[]) and (l.posted_at at time zone 'UTC')::date = any (%(wanted_days)s::date[])
),
superseded as materialized (
    select distinct n.source, n.supersedes as source_key
    from ingest_ledger_line n
    where n.tenant_id = %(tenant)s and n.supersedes is not null and n.source_key <> n.supersedes
      and n.supersedes = any ((
          select array_agg(k.source_key) from (select source_key from line union select source_key from related) k)::text[])
),
-- A financial event group becomes one settlement. Two would be a contradiction, and then the group says nothing.
grouped as materialized (
    select group_id, settlement_id from here
    union all
    select l.group_id, min(l.settlement_id)
    from ingest_ledger_line l
    where l.tenant_id = %(tenant)s and l.settlement_id is not null
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
        where s.tenant_id = %(tenant)s and s.source = 'settlement' and s.source_key = n.settlement_id limit 1)
),
-- What may be the same money. `part` and `sku` tell charges without an order apart.
posting as materialized (
    select r.source_key, coalesce(r.order_id, '') as order_id, r.currency, min(r.posted_at) as posted_at,
           date_trunc('second', min(r.posted_at)) as second, (min(r.posted_at) at time zone 'UTC')::date as day, sum(r.amount) as total,
           bool_or(r.state = 'deferred') as deferred, bool_or(r.supersedes is not null) as release, max(n.settlement_id) as settlement_id
    from related r
    left join named n using (source_key)
    where r.source = 'finances' and (r.source, r.source_key) not in (select x.source, x.source_key from superseded x)
    group by 1, 2, 3
    having max(n.settlement_id) is null or max(n.settlement_id) in (select s.settlement_id from stored s)
),
settled as materialized (
    select row_number() over (order by r.source_key, r.order_id, r.currency, r.second, r.transaction_type, r.part, r.sku) as id,
           r.*, (r.second at time zone 'UTC')::date as day
    from (
        select source_key, coalesce(order_id, '') as order_id, currency, date_trunc('second', posted_at) as second, transaction_type,
               case when coalesce(order_id, '') = '' then part else '' end as part,
               case when coalesce(order_id, '') = '' then sku else '' end as sku, sum(amount) as total
        from related where source = 'settlement' group by 1, 2, 3, 4, 5, 6, 7
    ) r
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
posting_2 as materialized (
    select *, row_number() over (partition by order_id, currency, total, second order by source_key) as copy
    from posting_1 where (order_id, currency, day) not in (select * from by_day)
),
settled_2 as materialized (
    select *, row_number() over (partition by order_id, currency, total, second order by id) as copy
    from settled_1 where (order_id, currency, day) not in (select * from by_day)
),
-- 3. One transaction is the same amount as one posting of the settlement, within three days; a release may bear its sale's day there. Without
-- an order: of the same day. Each is paired with its nearest, and only if that is so both ways.
pair as (
    select f.source_key, f.currency, s.id, row_number() over (partition by f.source_key, f.currency order by g.gap, s.id) as of_posting,
           row_number() over (partition by s.id order by g.gap, f.source_key) as of_settled
    from posting_2 f
    join settled_2 s on s.order_id = f.order_id and s.currency = f.currency and s.total = f.total and s.copy = f.copy
    cross join lateral (select abs(extract(epoch from s.second - f.second)) as gap) g
    where (f.settlement_id is null or f.settlement_id = s.source_key)
      and case when f.order_id = '' then s.day = f.day
               when f.release then s.second between f.second - interval '60 days' and f.second + interval '3 days'
               else s.second between f.second - interval '3 days' and f.second + interval '3 days' end
),
paired as (select source_key, currency, id from pair where of_posting = 1 and of_settled = 1),
posting_3 as (select * from posting_2 where (source_key, currency) not in (select source_key, currency from paired)),
settled_3 as (select * from settled_2 where id not in (select id from paired)),
-- 4. What is left of an order at one second in both is one thing that they state differently: the settlement's figure holds.
same_instant as (
    select order_id, currency, second from posting_3 where order_id <> ''
    intersect select order_id, currency, second from settled_3
),
settled_4 as (select * from settled_3 where (order_id, currency, second) not in (select * from same_instant)),
-- 5. A deferred transaction that a settlement has paid out is no longer deferred, whatever Finances still says. The earliest first.
deferral as (
    select f.source_key, f.currency
    from (
        select *, row_number() over (partition by order_id, currency, total order by second, source_key) as place
        from posting where deferred and order_id <> ''
    ) f
    join (
        select *, row_number() over (partition by order_id, currency, total order by second, id) as place from settled_4
    ) s using (order_id, currency, total, place)
    where s.second >= f.second - interval '1 day'
),
in_settlement as materialized (
    select source_key, currency from posting where not deferred and settlement_id is not null
    union select source_key, currency from posting where not deferred and (order_id, currency, second) in (select * from by_second)
    union select source_key, currency from posting_1 where (order_id, currency, day) in (select * from by_day)
    union select source_key, currency from paired
    union select source_key, currency from posting_3 where (order_id, currency, second) in (select * from same_instant)
    union select source_key, currency from deferral
    union select l.source_key, l.currency from line l
    join named n on n.source_key = l.source_key join stored s on s.settlement_id = n.settlement_id
    where l.source = 'finances' and l.state = 'released'
),
entry as materialized (
    select l.*,
           case when l.state in ('estimated', 'reversed') then l.state
                when x.source_key is not null then 'superseded'
                when l.source = 'finances' and i.source_key is not null then 'in_settlement'
                when l.state = 'deferred' then 'deferred'
                when not l.kind = any (%(counted_kinds)s::text[]) then 'not_profit_and_loss'
                else 'counted' end as verdict
    from line l
    left join superseded x on x.source = l.source and x.source_key = l.source_key
    left join in_settlement i on i.source_key = l.source_key and i.currency = l.currency
),
book as (
    select s.marketplace_id, s.local_day,
           case when f.finances and f.settlement then 'both'
                when f.settlement then 'settlement'
                when f.finances then 'finances'
                else 'none' end as source
    from slice s
    left join (
        select marketplace_id, local_day, bool_or(source = 'finances') as finances, bool_or(source = 'settlement') as settlement
        from entry where verdict = 'counted' group by 1, 2
    ) f using (marketplace_id, local_day)
)
