-- What a product costs its seller, by period. A period ends before the next one of the same product, marketplace and currency. An empty
-- marketplace_id is every store of the currency; the cost of a marketplace comes before it. Entered by people of the shop: not Amazon's data,
-- so it stays when a connection ends, and is deleted with the shop.
create table analytics_product_cost (
    tenant_id       uuid not null references tenancy_tenant (id),
    sku             text not null check (length(sku) between 1 and 200),
    marketplace_id  text not null check (length(marketplace_id) <= 40),
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    valid_from      date not null check (valid_from between '2000-01-01' and '2199-12-31'),
    unit_cost       numeric(20, 4) not null check (unit_cost >= 0 and unit_cost < 1000000000),
    written_by      text not null check (length(written_by) between 1 and 100),
    written_at      timestamptz not null,
    primary key (tenant_id, sku, marketplace_id, currency, valid_from)
);
select guard.protect('analytics_product_cost');
