-- Ratios on one basis, money that is not posted yet, and how much of it is confirmed:
--
--   posted_orders  orders whose sale was posted on this day (the base of the refund rate)
--   posted_lines         ledger lines that count on this day; 0: nothing is posted yet, which is not an amount of zero
--   settled_net          the part of net_proceeds that settlements confirm
--   ordered_tax          the tax inside ordered_sales where prices include it and Amazon says how much; else 0
--   deferred             now apart from net_proceeds: transactions that Amazon defers, whole, by the day they were posted
--   deferred_sales       the product sales among them
--
-- Defaults, because programs of the version before may still insert rows while this runs. All days are then computed again.
alter table analytics_day
    add column posted_orders int not null default 0,
    add column posted_lines int not null default 0,
    add column settled_net numeric(20, 4) not null default 0,
    add column ordered_tax numeric(20, 4) not null default 0,
    add column deferred_sales numeric(20, 4) not null default 0,
    drop constraint analytics_day_ledger_source_check,
    add constraint analytics_day_ledger_source_check check (ledger_source in ('none', 'finances', 'settlement', 'both'));

alter table analytics_day_product
    add column product_sales numeric(20, 4) not null default 0,
    add column posted_orders int not null default 0,
    add column posted_lines int not null default 0;

-- The covering index again, with what the product table now reads.
drop index analytics_day_product_read;
create index analytics_day_product_read on analytics_day_product (tenant_id, local_day)
    include (marketplace_id, sku, currency, orders, units, ordered_sales, refunds, refunded_sales, fees, net_proceeds, product_sales,
             posted_orders, posted_lines);

-- Every day again by the rules of this version. The owner reads and marks the days of all tenants for this moment.
alter table ingest_order_line no force row level security;
alter table ingest_ledger_line no force row level security;
alter table analytics_day no force row level security;
alter table ingest_dirty_day no force row level security;
alter table ingest_dirty_day disable trigger user;
insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
select tenant_id, marketplace_id, local_day, now() from ingest_order_line
union select tenant_id, marketplace_id, local_day, now() from ingest_ledger_line
union select tenant_id, marketplace_id, local_day, now() from analytics_day
on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at;
alter table ingest_dirty_day enable trigger user;
alter table ingest_dirty_day force row level security;
alter table analytics_day force row level security;
alter table ingest_ledger_line force row level security;
alter table ingest_order_line force row level security;
