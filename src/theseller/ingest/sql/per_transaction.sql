-- What it takes to decide for each transaction, and for each field, which source speaks.
--
-- Of a transaction of the Finances API: the settlement and the financial event group that Amazon says it belongs to. A settlement's own
-- lines bear its number as `source_key`. `store_named`: false where Amazon names no store and the line was given to the seller's only one
-- of its currency, or to none.
alter table ingest_ledger_line
    add column settlement_id text,
    add column group_id text,
    add column store_named boolean not null default true;
-- The lines of an order, whichever source and day; and what is known of a group.
create index ingest_ledger_line_order on ingest_ledger_line (tenant_id, order_id) where order_id is not null;
create index ingest_ledger_line_group on ingest_ledger_line (tenant_id, group_id, settlement_id) where group_id is not null;
create index ingest_ledger_line_unnamed on ingest_ledger_line (tenant_id, currency) where not store_named;

-- `replacement_told`: what Amazon said; null where no document said it, and then `is_replacement` is inferred (a whole order for nothing).
-- `carried_at`: for a field whose value comes from an older document than the line's newest one, that document's stamp.
alter table ingest_order_line
    add column replacement_told boolean,
    add column carried_at jsonb;

-- Existing rows: the Orders API always says whether an order is a replacement, the report hardly ever. The owner reads and writes the rows of
-- all tenants for this moment.
alter table ingest_order_line no force row level security;
alter table ingest_order_line disable trigger user;
update ingest_order_line set replacement_told = is_replacement where source = 'orders_api' or is_replacement;
update ingest_order_line l set is_replacement = true
from (
    select tenant_id, order_id from ingest_order_line
    group by tenant_id, order_id
    having bool_and(replacement_told is null and coalesce(item_price = 0 and quantity > 0 and status <> 'pending', status = 'cancelled')
                    and coalesce(shipping_price, 0) = 0 and coalesce(gift_wrap_price, 0) = 0 and coalesce(promotion_discount, 0) = 0)
       and bool_or(item_price = 0)
) free
where l.tenant_id = free.tenant_id and l.order_id = free.order_id;
alter table ingest_order_line enable trigger user;
alter table ingest_order_line force row level security;
