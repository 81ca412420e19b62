-- Transaction reports (Monthly, Date Range, Unified) as a third source of the ledger, of the lowest precedence: a row that a stored settlement or
-- Finances covers is in the state 'elsewhere' and counts nowhere (docs/decisions/0032). The next migration validates the constraints.
alter table ingest_ledger_line
    drop constraint ingest_ledger_line_source_check,
    drop constraint ingest_ledger_line_state_check,
    add constraint ingest_ledger_line_source_check
        check (source in ('finances', 'settlement', 'transaction_report')) not valid,
    add constraint ingest_ledger_line_state_check
        check (state in ('estimated', 'deferred', 'released', 'settled', 'reversed', 'elsewhere')) not valid;
