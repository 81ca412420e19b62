-- Units whose sale was posted, for the cost of goods. Null: not known, as in rows of programs of the release before; such a day has no profit
-- until it is computed again.
alter table analytics_day_product add column posted_units int;

-- Every day with money again. The owner reads and marks the days of all tenants for this moment: as many rows as shops have days.
alter table analytics_day no force row level security;
alter table ingest_dirty_day no force row level security;
alter table ingest_dirty_day disable trigger user;
insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
select distinct tenant_id, marketplace_id, local_day, now() from analytics_day where posted_lines > 0
on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at, orders_only_at = null;
alter table ingest_dirty_day enable trigger user;
alter table ingest_dirty_day force row level security;
alter table analytics_day force row level security;
