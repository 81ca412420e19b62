-- Digests of transactions as they were read in the last days: one that comes again unchanged is not decoded and compared again.
create table ingest_transaction_digest (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    source_key     text not null,
    digest         bytea not null check (octet_length(digest) = 32),
    posted_at      timestamptz not null,
    primary key (tenant_id, connection_id, source_key)
);
select guard.protect('ingest_transaction_digest');
