-- After `open_transactions.sql`: the orders to look at, and the days (UTC) of charges without an order: those of the charges here, and all days of
-- the settlements in which they may be, so that each settlement's charges are compared with all that was posted in its time.
, settlement_near as (
    select distinct d.source_key, ((d.covers_from - %(early)s::interval) at time zone 'UTC')::date as first,
           ((d.covers_until + %(late)s::interval) at time zone 'UTC')::date as last
    from ingest_document d join wanted w on w.order_id = ''
        and w.day between ((d.covers_from - %(early)s::interval) at time zone 'UTC')::date
                      and ((d.covers_until + %(late)s::interval) at time zone 'UTC')::date
    where d.tenant_id = %(tenant)s and d.report_type = any (%(settlement_reports)s::text[])
)
select order_id, day from wanted
union
select '', day::date from settlement_near n, generate_series(n.first, n.last, interval '1 day') as day
union
select '', (l.posted_at at time zone 'UTC')::date
from ingest_ledger_line l
where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement' and coalesce(l.order_id, '') = ''
  and l.source_key = any ((select array_agg(n.source_key) from settlement_near n)::text[])
