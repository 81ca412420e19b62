-- No row is refused: both constraints admit all that the ones before admitted. A validation keeps no one waiting.
alter table ingest_ledger_line validate constraint ingest_ledger_line_source_check;
alter table ingest_ledger_line validate constraint ingest_ledger_line_state_check;
