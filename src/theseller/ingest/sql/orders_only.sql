-- The mark of a day of which only orders changed since its rollups were computed: then it equals `marked_at`. What was posted on that day need
-- not be computed again. A writer that sets
-- `marked_at` alone, as the release before does, marks the whole day.
alter table ingest_dirty_day add column orders_only_at timestamptz;
select guard.keep_no_statistics('ingest_dirty_day');
