-- `replacement_stated`: what Amazon said of `is_replacement`; null where no document said it.
alter table ingest_order_line rename column replacement_told to replacement_stated;
