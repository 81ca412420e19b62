-- What a shop pays that Amazon does not charge: rent, software, staff. An amount once, a month or a year, in a currency of the shop's stores. An
-- empty marketplace_id is the shop as a whole in this currency. Entered by people of the shop: not Amazon's data, so it stays when a connection
-- ends, and is deleted with the shop.
create table analytics_expense (
    tenant_id       uuid not null references tenancy_tenant (id),
    id              uuid not null,
    name            text not null check (length(name) between 1 and 100),
    category        text not null check (length(category) between 1 and 40),
    marketplace_id  text not null check (length(marketplace_id) <= 40),
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    amount          numeric(20, 4) not null check (amount > 0 and amount < 1000000000),
    recurrence      text not null check (recurrence in ('once', 'monthly', 'yearly')),
    first_day       date not null check (first_day between '2000-01-01' and '2199-12-31'),
    last_day        date check (last_day between first_day and '2199-12-31'),
    written_by      text not null check (length(written_by) between 1 and 100),
    written_at      timestamptz not null,
    primary key (tenant_id, id)
);
select guard.protect('analytics_expense');
