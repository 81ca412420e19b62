-- Which lines count. Three common table expressions, read by the recomputation and by the page of one day:
--   slice   the (store, day) pairs asked for, with the instants of their two midnights and the store's currency
--   book    which source speaks for each of them
--   entry   every ledger line of these days, with `verdict`: 'counted', or why not
--
-- The settlement speaks for a day that settlement documents cover from midnight to midnight, else Finances; a day that no settlement
-- covers whole and of which Finances knows nothing is spoken for by what settlement lines there are, because a seller who imports files
-- has no Finances and must not lose the edges. Never both. Lines that belong to no store follow any settlement.
slice as (
    select * from unnest(
        %(stores)s::text[], %(days)s::date[], %(midnights)s::timestamptz[], %(next_midnights)s::timestamptz[], %(currencies)s::text[],
        %(tax_included)s::boolean[]
    ) as s (marketplace_id, local_day, day_from, day_until, currency, tax_included)
),
covered as (
    select s.marketplace_id, s.local_day
    from slice s
    join ingest_document d on d.covers_from < s.day_until and d.covers_until > s.day_from
        and (s.marketplace_id = any (d.marketplace_ids) or s.marketplace_id = '')
    where d.tenant_id = %(tenant)s and d.report_type = any (%(settlement_reports)s::text[])
    group by s.marketplace_id, s.local_day, s.day_from, s.day_until
    having range_agg(tstzrange(d.covers_from, d.covers_until)) @> tstzrange(s.day_from, s.day_until)
),
line as materialized (
    select l.*
    from ingest_ledger_line l
    where l.tenant_id = %(tenant)s and l.local_day = any (%(days)s::date[]) and l.marketplace_id = any (%(stores)s::text[])
      and (l.marketplace_id, l.local_day) in (select s.marketplace_id, s.local_day from slice s)
),
superseded as materialized (
    select distinct n.source, n.supersedes as source_key
    from (select distinct source, source_key from line) k
    join ingest_ledger_line n on n.supersedes = k.source_key and n.source = k.source and n.source_key <> k.source_key
    where n.tenant_id = %(tenant)s and n.supersedes is not null
),
book as (
    select s.marketplace_id, s.local_day,
           case when c.local_day is not null then 'settlement'
                when f.finances then 'finances'
                when f.settlement then 'settlement'
                else 'none' end as source
    from slice s
    left join covered c using (marketplace_id, local_day)
    left join (
        select marketplace_id, local_day, bool_or(source = 'finances') as finances, bool_or(source = 'settlement') as settlement
        from line group by 1, 2
    ) f using (marketplace_id, local_day)
),
entry as (
    select l.*,
           case when l.state in ('estimated', 'reversed') then l.state
                when x.source_key is not null then 'superseded'
                when l.state = 'deferred' then 'deferred'
                when l.source <> b.source then 'other_book'
                when not l.kind = any (%(counted_kinds)s::text[]) then 'not_profit_and_loss'
                else 'counted' end as verdict
    from line l
    join book b using (marketplace_id, local_day)
    left join superseded x on x.source = l.source and x.source_key = l.source_key
)
