-- After `with`, `counted_lines.sql`: the ledger lines of orders, with what became of each.
select e.kind, e.treatment, e.source, e.state, e.transaction_type, e.breakdown, e.currency, e.amount, e.quantity, e.order_id, e.sku,
       e.posted_at, e.source_key, e.source_line, e.marketplace_id, e.settlement_id
from entry e
order by e.posted_at, e.source, e.source_key, e.source_line
limit %(most)s
