-- After the rows, their bytes: when the last row was deleted and by which transaction, and what was written anew since. `rewritten` names
-- each relation with what was read and written; it is emptied when a later look finds something again.

alter table retention_purge
    add column erased_at   timestamptz,
    add column erased_xid  bigint,
    add column rewritten   jsonb not null default '{}',
    add column wal_from    text check (wal_from ~ '^[0-9A-F]{24}$');
