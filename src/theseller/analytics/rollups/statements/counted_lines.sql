-- Which lines count. Common table expressions after `open_transactions.sql`, read by the recomputation and by pages:
--   slice   the (store, day) pairs asked for, with the instants of their two midnights and the store's currency
--   entry   every one of these ledger lines, with `treatment`: 'counted', or why not
--   book    which sources the counted lines of each pair come from
--
-- Rows of transaction reports count unless they were put aside when a settlement or Finances covered them: state 'elsewhere'.
-- Every transaction counts once. The lines of a stored settlement count. A transaction of Finances counts unless it is in a stored
-- settlement: those that are were found before (`matching.sql`, `settlement_matching.py`). A settlement that merely covers the day says nothing: a
-- store has several at once (Standard and Invoiced orders, COD), and deferred transactions are in none.
, in_settlement as materialized (
    select * from unnest(%(settled_keys)s::text[], %(settled_currencies)s::text[]) as m (source_key, currency)
),
superseded as materialized (
    select distinct n.source, n.supersedes as source_key
    from ingest_ledger_line n
    where n.tenant_id = any (%(tenants)s::uuid[]) and n.supersedes is not null and n.source_key <> n.supersedes
      and n.supersedes = any ((select array_agg(distinct k.source_key) from line k)::text[])
),
entry as materialized (
    select l.*,
           case when l.state in ('estimated', 'reversed', 'elsewhere') then l.state
                when x.source_key is not null then 'superseded'
                when l.source = 'finances' and i.source_key is not null then 'in_settlement'
                when l.state = 'deferred' then 'deferred'
                when not l.kind = any (%(counted_charge_types)s::text[]) then 'not_profit_and_loss'
                else 'counted' end as treatment
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
        select marketplace_id, local_day, bool_or(source <> 'settlement') as finances, bool_or(source = 'settlement') as settlement
        from entry where treatment = 'counted' group by 1, 2
    ) f using (marketplace_id, local_day)
)
