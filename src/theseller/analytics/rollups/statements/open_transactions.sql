-- After `lines_of_days.sql` or `lines_of_orders.sql`: what else must be read to decide which of these lines count. Followed by `wanted.sql`,
-- `matching.sql` or `counted_lines.sql`.
--
-- The transactions here whose settlement Amazon has not stated, and everything that may hold the same money: all lines of their orders, and
-- for those without an order the lines without one of the same days (UTC), so that the answer does not depend on which slices are asked for.
-- Keys of the lines found so far are looked up as arrays: one index scan a partition, however many keys and whatever the statistics.
, here as materialized (
    select l.group_id, min(l.settlement_id) as settlement_id
    from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and l.settlement_id is not null
      and l.group_id = any ((select array_agg(distinct k.group_id) from line k where k.group_id is not null)::text[])
    group by l.group_id
    having min(l.settlement_id) = max(l.settlement_id)
),
wanted as materialized (
    select distinct coalesce(order_id, '') as order_id, case when coalesce(order_id, '') = '' then (posted_at at time zone 'UTC')::date end as day
    from line
    where source = 'finances' and settlement_id is null and state in ('released', 'deferred')
      and (group_id is null or group_id not in (select group_id from here))
)
