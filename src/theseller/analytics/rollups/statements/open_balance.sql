-- After `counted_lines.sql`: what of these days is in no stored settlement, by store, currency and day; what Amazon defers by the instant at which
-- it says to release it. Whole transactions, with the taxes in them; payouts and reserves are no transactions.
select e.marketplace_id, e.currency, e.local_day, e.treatment = 'deferred' as deferred, e.matures_at,
       count(distinct e.source_key) as transactions, sum(e.amount) as amount
from entry e
where e.treatment = 'deferred'
   or (e.source = 'finances' and e.treatment in ('counted', 'not_profit_and_loss') and not e.kind = any (%(cash_charge_types)s::text[]))
group by 1, 2, 3, 4, 5
