-- Days with a sale of which Amazon states no quantity, again: its units were counted as none. The owner reads and marks the days of all tenants
-- for this moment.
alter table ingest_ledger_line no force row level security;
alter table ingest_dirty_day no force row level security;
alter table ingest_dirty_day disable trigger user;
insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
select distinct tenant_id, marketplace_id, local_day, now() from ingest_ledger_line
where kind = 'principal' and amount > 0 and coalesce(quantity, 0) = 0
on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at, orders_only_at = null;
alter table ingest_dirty_day enable trigger user;
alter table ingest_dirty_day force row level security;
alter table ingest_ledger_line force row level security;
