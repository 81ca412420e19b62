-- Authorisations and connections. State is a record: a connection is open until a disconnection of it exists.

create table connections_attempt (
    tenant_id       uuid not null references tenancy_tenant (id),
    id              uuid not null,
    state_hash      bytea not null check (octet_length(state_hash) = 32),
    session_hash    bytea not null check (octet_length(session_hash) = 32),
    user_id         uuid not null references accounts_user (id),
    marketplace_id  text not null,
    features        text[] not null check (cardinality(features) > 0),
    roles           text[] not null check (cardinality(roles) > 0),
    created_at      timestamptz not null,
    expires_at      timestamptz not null check (expires_at > created_at),
    consumed_at     timestamptz,
    outcome         text check ((outcome is null) = (consumed_at is null)),
    primary key (tenant_id, id),
    unique (tenant_id, state_hash)
);
select guard.protect('connections_attempt');

create table connections_connection (
    tenant_id                 uuid not null references tenancy_tenant (id),
    id                        uuid not null,
    origin                    text not null check (origin in ('lwa', 'files')),
    region                    text not null check (region in ('na', 'eu', 'fe')),
    selling_partner_id        text not null,
    marketplace_ids           text[] not null,
    features                  text[] not null,
    roles                     text[] not null,
    created_at                timestamptz not null,
    authorised_at             timestamptz,
    authorisation_expires_at  timestamptz,
    primary key (tenant_id, id)
);
select guard.protect('connections_connection');

-- One sealed refresh token per connection, in a table of its own so that its deletion is a deletion.
create table connections_refresh_token (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    sealed         bytea not null check (octet_length(sealed) > 97),
    data_key_id    uuid not null,
    sealed_at      timestamptz not null,
    primary key (tenant_id, connection_id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
select guard.protect('connections_refresh_token');

create table connections_disconnection (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    reason         text not null check (reason in
        ('seller_request', 'revoked_at_amazon', 'account_deletion', 'amazon_request', 'authorisation_expired')),
    actor          text not null,
    at             timestamptz not null,
    data_key_id    uuid,
    primary key (tenant_id, connection_id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
select guard.protect('connections_disconnection');
