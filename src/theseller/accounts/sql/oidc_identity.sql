-- Accounts at the identity provider that are linked to accounts here, by what the provider never gives to anyone else: its issuer identifier and
-- its subject. One for each account. Addresses and names at the provider are not stored.
create table accounts_oidc_identity (
    id         uuid primary key,
    user_id    uuid not null unique references accounts_user (id),
    issuer     text not null check (length(issuer) between 1 and 500),
    subject    text not null check (length(subject) between 1 and 255),
    linked_at  timestamptz not null,
    unique (issuer, subject)
);
