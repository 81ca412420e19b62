-- The transactions that Amazon states to be in a settlement, whenever they were posted: looked up when its report is stored.
create index ingest_ledger_line_settlement on ingest_ledger_line (tenant_id, settlement_id) where settlement_id is not null;
