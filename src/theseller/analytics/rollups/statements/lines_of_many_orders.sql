-- As `lines_of_orders.sql`, for thousands of orders: one index scan a partition with all of them is quicker than a look for each.
, every_line as materialized (
    select l.* from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and l.order_id = any (%(orders)s::text[])
),
line as materialized (
    select l.* from every_line l where %(visible)s::text[] is null or l.marketplace_id = any (%(visible)s::text[])
)
