-- Transaction reports (Monthly, Date Range, Unified) as a third source of the ledger, of the lowest precedence: a row that a stored settlement or
-- Finances covers is in the state 'elsewhere' and counts nowhere (docs/decisions/0032).
alter table ingest_ledger_line
    drop constraint ingest_ledger_line_source_check,
    drop constraint ingest_ledger_line_state_check,
    add constraint ingest_ledger_line_source_check check (source in ('finances', 'settlement', 'transaction_report')),
    add constraint ingest_ledger_line_state_check
        check (state in ('estimated', 'deferred', 'released', 'settled', 'reversed', 'elsewhere'));
-- The rows that count, of which some will be covered: few, where a connection pulls Finances.
create index ingest_ledger_line_reported on ingest_ledger_line (tenant_id, connection_id, posted_at)
    where source = 'transaction_report' and state <> 'elsewhere';
