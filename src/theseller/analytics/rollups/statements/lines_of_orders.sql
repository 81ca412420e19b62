-- After `slice.sql`, without slices: the ledger lines of orders, on all days, and `line`, those of them whose stores the person may see. Followed
-- by `open_transactions.sql`. Which of them count does not depend on lines of other orders, only on what is stored of their settlements.
-- Each order is looked up by itself: for an array of orders the planner chooses to read all lines of the tenant.
, every_line as materialized (
    select l.*
    from unnest(%(orders)s::text[]) as one (order_id)
    cross join lateral (
        select k.* from ingest_ledger_line k where k.tenant_id = any (%(tenants)s::uuid[]) and k.order_id = one.order_id offset 0
    ) l
),
line as materialized (
    select l.* from every_line l where %(visible)s::text[] is null or l.marketplace_id = any (%(visible)s::text[])
)
