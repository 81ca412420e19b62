-- After `slice.sql`: the ledger lines of these days that name no order. Followed by `open_transactions.sql`.
, line as materialized (
    select l.*
    from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and l.local_day = any (%(days)s::date[]) and l.marketplace_id = any (%(stores)s::text[])
      and coalesce(l.order_id, '') = ''
      and (l.marketplace_id, l.local_day) in (select s.marketplace_id, s.local_day from slice s)
)
