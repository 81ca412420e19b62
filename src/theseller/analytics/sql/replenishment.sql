-- What a shop's people entered about ordering a product: times in days, quantities in units. The row with a blank SKU is the shop's default,
-- which applies where a product has no value of its own.
create table analytics_replenishment (
    tenant_id          uuid not null,
    sku                text not null check (length(sku) <= 200),
    lead_time_days     int check (lead_time_days between 0 and 730),
    safety_days        int check (safety_days between 0 and 365),
    target_cover_days  int check (target_cover_days between 1 and 730),
    carton_size        int check (carton_size between 1 and 100000),
    minimum_quantity   int check (minimum_quantity between 1 and 1000000),
    updated_at         timestamptz not null,
    primary key (tenant_id, sku)
);
select guard.protect('analytics_replenishment');
