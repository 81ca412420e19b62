-- Operators, and what proves that a person is who signed in. Deployment-wide: a person may belong to several tenants, or to none.

-- Who operates this deployment. Granted and taken away on the server's command line only; the audit log holds both.
create table accounts_operator (
    user_id     uuid primary key references accounts_user (id),
    since       timestamptz not null,
    granted_by  text not null check (granted_by ~ '^(user|process|operator):[A-Za-z0-9_-]{1,64}$')
);

-- An authenticator app. Its secret is a sealed message; until a first code has confirmed it, it proves nothing.
create table accounts_authenticator (
    id            uuid primary key,
    user_id       uuid not null references accounts_user (id),
    sealed        bytea not null check (octet_length(sealed) > 97),
    data_key_id   uuid not null,
    last_step     bigint not null default 0,  -- the 30-second step of the last code that was taken: no code of it or before is taken again
    added_at      timestamptz not null,
    confirmed_at  timestamptz
);
-- One that is used, and at most one that is being set up.
create unique index accounts_authenticator_used on accounts_authenticator (user_id) where confirmed_at is not null;
create unique index accounts_authenticator_begun on accounts_authenticator (user_id) where confirmed_at is null;

-- A passkey: its public half. Whoever reads this table can prove nothing with it.
create table accounts_passkey (
    id             uuid primary key,
    user_id        uuid not null references accounts_user (id),
    credential_id  bytea not null unique check (octet_length(credential_id) between 1 and 1023),
    credential     bytea not null,  -- AAGUID, credential id and COSE public key, as the authenticator gave them
    sign_count     bigint not null,
    name           text not null check (length(name) between 1 and 60),
    added_at       timestamptz not null,
    -- When the challenge that it answered last was made: no challenge of that moment or before is taken from it again.
    answered       timestamptz not null
);
create index accounts_passkey_person on accounts_passkey (user_id);

-- Recovery codes of 80 random bits each, by their hash. A set is replaced whole; a code is used once.
create table accounts_recovery_code (
    set_id     uuid not null,
    code_hash  bytea not null check (octet_length(code_hash) = 32),
    user_id    uuid not null references accounts_user (id),
    made_at    timestamptz not null,
    used_at    timestamptz,
    primary key (set_id, code_hash)
);
create index accounts_recovery_code_person on accounts_recovery_code (user_id);
