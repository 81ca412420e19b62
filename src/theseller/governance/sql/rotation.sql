-- The renewal of secrets: what was replaced, how far a replacement is, and how old what we did not make is. No secret stands here.

create table governance_rotation (
    id           uuid primary key,
    secret       text not null check (length(secret) between 1 and 100),
    reason       text not null check (reason in ('due', 'manual', 'leaked', 'leaver')),
    actor        text not null check (actor ~ '^(user|process|amazon|operator):[A-Za-z0-9_-]{1,64}$'),
    step         text not null default '',  -- the last step that is done; empty before the first
    started_at   timestamptz not null,
    moved_at     timestamptz not null,
    finished_at  timestamptz,
    details      jsonb not null default '{}' check (pg_column_size(details) < 8192)
);
-- One at a time: an interrupted replacement is gone on with, never begun again beside itself.
create unique index governance_rotation_open on governance_rotation (secret) where finished_at is null;
create index governance_rotation_secret on governance_rotation (secret, started_at);

create table governance_secret_age (
    secret       text not null check (length(secret) between 1 and 100),
    fingerprint  text not null check (fingerprint ~ '^[0-9a-f]{16}$'),
    made_at      timestamptz not null,
    noted_at     timestamptz not null,
    actor        text not null check (actor ~ '^(user|process|amazon|operator):[A-Za-z0-9_-]{1,64}$'),
    primary key (secret, fingerprint)
);

create table governance_signing_key (
    public_key  bytea primary key check (octet_length(public_key) = 32),
    made_at     timestamptz not null,
    retired_at  timestamptz
);
