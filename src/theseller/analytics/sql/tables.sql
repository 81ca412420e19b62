-- Rollups: one row a day and store, and one a day, store and product. Recomputed whole from the base rows of the days that a
-- write marked dirty, so they can't drift. Sales columns come from the orders book (purchase day), money columns from the ledger
-- (posted day). The currency is part of the key: nothing is summed across two of them, not even by accident.
--
-- Signs are the ledger's: what the seller gets is positive, what it costs is negative. So fees, refunds, discounts and advertising are
-- normally below zero, and net_proceeds is the plain sum of the eight columns above it.

create table analytics_day (
    tenant_id         uuid not null,
    local_day         date not null,
    marketplace_id    text not null,
    currency          text not null,
    -- The orders book.
    orders            int not null,
    cancelled_orders  int not null,
    pending_orders    int not null,
    order_items       int not null,
    units             int not null,
    unpriced_units    int not null,
    ordered_sales     numeric(20, 4) not null,
    promotions        numeric(20, 4) not null,
    -- The ledger: counts, then its parts.
    refunds           int not null,
    product_sales     numeric(20, 4) not null,
    credits           numeric(20, 4) not null,
    discounts         numeric(20, 4) not null,
    refunded_sales    numeric(20, 4) not null,
    fees              numeric(20, 4) not null,
    advertising       numeric(20, 4) not null,
    reimbursements    numeric(20, 4) not null,
    unclassified      numeric(20, 4) not null,
    net_proceeds      numeric(20, 4) not null,
    -- Parts of `fees`; the rest are other fees.
    selling_fees      numeric(20, 4) not null,
    fulfilment_fees   numeric(20, 4) not null,
    storage_fees      numeric(20, 4) not null,
    -- How sure: the part of net_proceeds that Amazon still holds back, and which book spoke.
    deferred          numeric(20, 4) not null,
    ledger_source     text not null check (ledger_source in ('none', 'finances', 'settlement')),
    computed_at       timestamptz not null,
    primary key (tenant_id, local_day, marketplace_id, currency)
) partition by hash (tenant_id);
create table analytics_day_t0 partition of analytics_day for values with (modulus 4, remainder 0);
create table analytics_day_t1 partition of analytics_day for values with (modulus 4, remainder 1);
create table analytics_day_t2 partition of analytics_day for values with (modulus 4, remainder 2);
create table analytics_day_t3 partition of analytics_day for values with (modulus 4, remainder 3);
select guard.protect('analytics_day'), guard.protect('analytics_day_t0'), guard.protect('analytics_day_t1'),
       guard.protect('analytics_day_t2'), guard.protect('analytics_day_t3');

create table analytics_day_product (
    tenant_id         uuid not null,
    local_day         date not null,
    marketplace_id    text not null,
    sku               text not null,
    asin              text not null,
    currency          text not null,
    orders            int not null,
    units             int not null,
    ordered_sales     numeric(20, 4) not null,
    promotions        numeric(20, 4) not null,
    refunds           int not null,
    refunded_sales    numeric(20, 4) not null,
    fees              numeric(20, 4) not null,
    net_proceeds      numeric(20, 4) not null,
    primary key (tenant_id, local_day, marketplace_id, currency, sku)
) partition by hash (tenant_id);
create table analytics_day_product_t0 partition of analytics_day_product for values with (modulus 4, remainder 0);
create table analytics_day_product_t1 partition of analytics_day_product for values with (modulus 4, remainder 1);
create table analytics_day_product_t2 partition of analytics_day_product for values with (modulus 4, remainder 2);
create table analytics_day_product_t3 partition of analytics_day_product for values with (modulus 4, remainder 3);
-- The covering index that turned a hundred thousand buffer hits into a thousand: reads by people never touch the heap.
create index analytics_day_product_read on analytics_day_product (tenant_id, local_day)
    include (marketplace_id, sku, currency, orders, units, ordered_sales, refunds, refunded_sales, fees, net_proceeds);
select guard.protect('analytics_day_product'), guard.protect('analytics_day_product_t0'), guard.protect('analytics_day_product_t1'),
       guard.protect('analytics_day_product_t2'), guard.protect('analytics_day_product_t3');

-- As with the facts: the ticket of a bulk write is proven before its first row and after its last, not at every row between.
alter policy ticket on analytics_day with check (tenant_id = current_setting('theseller.tenant', true)::uuid);
alter policy ticket on analytics_day_product with check (tenant_id = current_setting('theseller.tenant', true)::uuid);
create trigger prove_scope before insert on analytics_day for each statement execute function guard.prove_scope();
create trigger prove_added after insert on analytics_day referencing new table as added for each statement execute function guard.prove_added();
create trigger prove_scope before insert on analytics_day_product for each statement execute function guard.prove_scope();
create trigger prove_added after insert on analytics_day_product referencing new table as added for each statement execute function guard.prove_added();

-- A settlement decides who speaks for every day that it touches, also for those in which it has no line. So its document marks them all,
-- a day more on either side: the store's midnight is not known here, and recomputing a day for nothing changes nothing.
create function guard.mark_settled_days() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into public.ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
    select new.tenant_id, store, day::date, new.recorded_at
    from unnest(new.marketplace_ids) as store,
         generate_series((new.covers_from at time zone 'UTC')::date - 1, (new.covers_until at time zone 'UTC')::date + 1, interval '1 day') as day
    order by 2, 3
    on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at;
    return null;
end
$$;
revoke all on function guard.mark_settled_days() from public;
create trigger mark_settled_days after insert or update on ingest_document for each row
    when (new.report_type = 'GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2') execute function guard.mark_settled_days();
