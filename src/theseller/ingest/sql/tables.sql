-- Facts and what keeps them fresh. Facts carry no foreign key: they are written in slices of thousands, and the data map, not a
-- cascade, erases them. Every amount stands beside its currency; every day is the marketplace's own.

-- What we pull for a connection, how far we are, and how it went. `cursor` is all that a restarted worker needs.
create table ingest_stream (
    tenant_id        uuid not null,
    connection_id    uuid not null,
    name             text not null,
    marketplace_id   text not null default '',
    cursor           jsonb not null default '{}',
    work_done        int not null default 0 check (work_done >= 0),
    work_total       int not null default 0 check (work_total >= work_done),
    due_at           timestamptz not null,
    lease_expires_at timestamptz,
    lease_id         uuid,
    last_attempt_at  timestamptz,
    last_success_at  timestamptz,
    last_outcome     text not null default 'never_run',
    failures_in_row  int not null default 0,
    fresh_until      timestamptz,
    primary key (tenant_id, connection_id, name, marketplace_id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
create index ingest_stream_due on ingest_stream (due_at);
select guard.protect('ingest_stream');

-- For which authorisation the streams of a connection were planned: a renewal with other features plans them anew.
create table ingest_plan (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    planned_for    timestamptz not null,
    primary key (tenant_id, connection_id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
select guard.protect('ingest_plan');

-- Every document that became facts: a report pulled, or a file imported. The period it covers decides which book speaks for a day.
create table ingest_document (
    tenant_id        uuid not null,
    id               uuid not null,
    connection_id    uuid not null,
    origin           text not null check (origin in ('pulled', 'imported')),
    report_type      text not null,
    source_key       text not null,
    content_sha256   bytea not null check (octet_length(content_sha256) = 32),
    marketplace_ids  text[] not null,
    covers_from      timestamptz not null,
    covers_until     timestamptz not null check (covers_until >= covers_from),
    rows_kept        int not null,
    rows_skipped     int not null default 0,
    columns_dropped  text[] not null default '{}',
    recorded_at      timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, report_type, source_key)
);
select guard.protect('ingest_document');

-- Fields that Amazon sends and this version does not know: their paths, never their values.
create table ingest_drift (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    operation      text not null,
    path           text not null check (path ~ '^[A-Za-z0-9_.\[\]-]{1,120}$'),
    first_seen_at  timestamptz not null,
    last_seen_at   timestamptz not null,
    times_seen     bigint not null,
    primary key (tenant_id, connection_id, operation, path)
);
select guard.protect('ingest_drift');

-- Token buckets, shared by all workers. Unlogged: after a crash every bucket starts empty-handed, which is the safe side.
create unlogged table ingest_bucket (
    tenant_id      uuid not null,
    key            text not null,
    connection_id  uuid not null,
    tokens         double precision not null,
    rate           double precision not null check (rate > 0),
    burst          double precision not null check (burst >= 1),
    updated_at     timestamptz not null,
    primary key (tenant_id, key)
);
select guard.protect('ingest_bucket');

-- The ticket of bulk writes is proven once a statement instead of once a row (45 µs each, nine tenths of an insert): the rows that a
-- statement added must all be of the tenant that the ticket proves. It looks at the rows themselves, after all of them are there, so no
-- trick with settings in the middle of a statement deceives it. The `tenant` policy still holds for each row as it comes.
create function guard.prove_added() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    proven uuid;
begin
    if not row_security_active(tg_relid) then
        return null;  -- A restore by a superuser: as with the policies themselves.
    end if;
    proven := guard.ticket_tenant();
    if exists (select from added a where a.tenant_id is distinct from proven) then
        raise insufficient_privilege using message = 'new rows violate row-level security: they are not of the tenant in scope';
    end if;
    return null;
end
$$;
revoke all on function guard.prove_added() from public;

-- And before the first row: a statement whose setting the ticket does not prove touches nothing, not even a unique index, whose
-- complaint would tell whether a row exists.
create function guard.prove_scope() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if row_security_active(tg_relid) and current_setting('theseller.tenant', true)::uuid is distinct from guard.ticket_tenant() then
        raise insufficient_privilege using message = 'the tenant in scope is not the one that the ticket proves';
    end if;
    return null;
end
$$;
revoke all on function guard.prove_scope() from public;

-- One line of one order. An order is a slice: all its lines are replaced together, by the source that saw it last.
create table ingest_order_line (
    tenant_id           uuid not null,
    local_day           date not null,
    order_id            text not null,
    line_key            text not null,
    connection_id       uuid not null,
    marketplace_id      text not null,
    purchased_at        timestamptz not null,
    last_updated_at     timestamptz not null,
    status              text not null check (status in ('pending', 'unshipped', 'shipped', 'cancelled')),
    fulfilment          text not null check (fulfilment in ('amazon', 'merchant', 'unknown')),
    is_business         boolean not null,
    is_replacement      boolean not null,
    sku                 text not null,
    asin                text not null,
    quantity            int not null check (quantity >= 0),
    quantity_shipped    int check (quantity_shipped >= 0),
    currency            text,
    item_price          numeric(20, 4),
    item_tax            numeric(20, 4),
    shipping_price      numeric(20, 4),
    gift_wrap_price     numeric(20, 4),
    promotion_discount  numeric(20, 4),
    source              text not null check (source in ('orders_api', 'all_orders_report')),
    primary key (tenant_id, local_day, order_id, line_key)
) partition by hash (tenant_id);
create index ingest_order_line_order on ingest_order_line (tenant_id, order_id);
select guard.protect('ingest_order_line');
select guard.split_by_tenant('ingest_order_line');
alter policy ticket on ingest_order_line with check (tenant_id = current_setting('theseller.tenant', true)::uuid);
create trigger prove_scope before insert on ingest_order_line for each statement execute function guard.prove_scope();
create trigger prove_added after insert on ingest_order_line referencing new table as added for each statement
    execute function guard.prove_added();

-- The ledger: money lines as Amazon posted them, appended slice by slice (one transaction, one settlement), never edited.
create table ingest_ledger_line (
    tenant_id        uuid not null,
    local_day        date not null,
    source           text not null check (source in ('finances', 'settlement')),
    source_key       text not null,
    source_line      int not null,
    connection_id    uuid not null,
    marketplace_id   text not null,
    posted_at        timestamptz not null,
    state            text not null check (state in ('estimated', 'deferred', 'released', 'settled', 'reversed')),
    kind             text not null,
    transaction_type text not null,
    breakdown        text not null,
    currency         text not null,
    amount           numeric(20, 4) not null,
    quantity         int,  -- stands on one line of each item only (its principal's), so that a sum counts units once
    order_id         text,
    sku              text,
    asin             text,
    supersedes       text,
    primary key (tenant_id, local_day, source, source_key, source_line)
) partition by hash (tenant_id);
create index ingest_ledger_line_source on ingest_ledger_line (tenant_id, source, source_key);
create index ingest_ledger_line_supersedes on ingest_ledger_line (tenant_id, supersedes) where supersedes is not null;
select guard.protect('ingest_ledger_line');
select guard.split_by_tenant('ingest_ledger_line');
alter policy ticket on ingest_ledger_line with check (tenant_id = current_setting('theseller.tenant', true)::uuid);
create trigger prove_scope before insert on ingest_ledger_line for each statement execute function guard.prove_scope();
create trigger prove_added after insert on ingest_ledger_line referencing new table as added for each statement
    execute function guard.prove_added();

create table ingest_product (
    tenant_id       uuid not null,
    marketplace_id  text not null,
    sku             text not null,
    connection_id   uuid not null,
    asin            text not null,
    title           text not null,
    updated_at      timestamptz not null,
    primary key (tenant_id, marketplace_id, sku)
);
select guard.protect('ingest_product');
alter policy ticket on ingest_product with check (tenant_id = current_setting('theseller.tenant', true)::uuid);
create trigger prove_scope before insert on ingest_product for each statement execute function guard.prove_scope();
create trigger prove_added after insert on ingest_product referencing new table as added for each statement
    execute function guard.prove_added();
create trigger prove_changed after update on ingest_product referencing new table as added for each statement
    execute function guard.prove_added();

-- Stock now, replaced per marketplace.
create table ingest_inventory (
    tenant_id       uuid not null,
    marketplace_id  text not null,
    sku             text not null,
    condition       text not null,
    connection_id   uuid not null,
    asin            text not null,
    fnsku           text not null,
    fulfillable     int not null,
    inbound         int not null,
    reserved        int not null,
    unfulfillable   int not null,
    total           int not null,
    as_of           timestamptz not null,
    primary key (tenant_id, marketplace_id, sku, condition)
);
select guard.protect('ingest_inventory');

-- Sessions and page views per day; `asin` is empty for the whole store.
create table ingest_traffic_day (
    tenant_id        uuid not null,
    marketplace_id   text not null,
    local_day        date not null,
    asin             text not null default '',
    connection_id    uuid not null,
    sessions         bigint not null,
    page_views       bigint not null,
    units_ordered    bigint not null,
    ordered_sales    numeric(20, 4) not null,
    currency         text not null,
    buy_box_percent  numeric(7, 4),
    primary key (tenant_id, marketplace_id, local_day, asin)
);
select guard.protect('ingest_traffic_day');

-- Days whose rollups no longer equal their base rows. Written by the transaction that changed the base.
create table ingest_dirty_day (
    tenant_id       uuid not null,
    marketplace_id  text not null,
    local_day       date not null,
    marked_at       timestamptz not null,
    primary key (tenant_id, marketplace_id, local_day)
);
select guard.protect('ingest_dirty_day');

-- The streams that are due, over all tenants: a reviewed bypass that names work, never data.
create function guard.due_streams(present timestamptz, most int)
returns table (tenant_id uuid, connection_id uuid, name text, marketplace_id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.tenant_id, s.connection_id, s.name, s.marketplace_id
    from public.ingest_stream s
    where s.due_at <= present
      and (s.lease_expires_at is null or s.lease_expires_at < present)
      and not exists (
          select from public.connections_disconnection d
          where d.tenant_id = s.tenant_id and d.connection_id = s.connection_id)
    order by s.due_at
    limit least(most, 1000)
$$;
revoke all on function guard.due_streams(timestamptz, int) from public;

-- The tenants that have dirty days: a reviewed bypass that names tenants, never data.
create function guard.dirty_tenants(most int) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.tenant_id from public.ingest_dirty_day d group by d.tenant_id order by min(d.marked_at) limit least(most, 1000)
$$;
revoke all on function guard.dirty_tenants(int) from public;

-- Authorised connections whose streams were not yet planned for their latest authorisation: a reviewed bypass that names work, never data.
create function guard.unplanned_connections(present timestamptz, most int) returns table (tenant_id uuid, connection_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.tenant_id, c.id
    from public.connections_connection c
    where c.origin = 'lwa' and c.authorised_at <= present
      and not exists (select from public.ingest_plan p
                      where p.tenant_id = c.tenant_id and p.connection_id = c.id and p.planned_for >= c.authorised_at)
      and not exists (select from public.connections_disconnection d where d.tenant_id = c.tenant_id and d.connection_id = c.id)
    limit least(most, 1000)
$$;
revoke all on function guard.unplanned_connections(timestamptz, int) from public;
