-- Requests of an address to open a shop: of the link in its mail only the SHA-256 of the token. One for each address; used by deleting the row.
-- `user_id` is the account that had the address when it was requested, so that its erasure finds the row.
create table accounts_sign_up (
    id          uuid primary key,
    token_hash  bytea not null unique check (octet_length(token_hash) = 32),
    email       text not null unique check (email = lower(email) and email ~ '^[!-~]+$' and length(email) <= 254),
    user_id     uuid references accounts_user (id),
    made_at     timestamptz not null,
    expires_at  timestamptz not null check (expires_at > made_at and expires_at <= made_at + interval '72 hours')
);
