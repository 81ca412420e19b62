-- Probers: programs on other machines that test the public address, and what they report. Of the whole deployment, no tenant's.

create table controls_prober (
    name        text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    public_key  bytea not null unique check (length(public_key) = 32),
    added_at    timestamptz not null
);

-- A challenge that was issued to a prober, with what it was to test. One report answers it.
create table controls_prober_run (
    id         uuid primary key,
    prober     text not null references controls_prober (name) on delete cascade,
    challenge  bytea not null unique check (length(challenge) = 32),
    plan       jsonb not null,
    issued_at  timestamptz not null
);
create index controls_prober_run_newest on controls_prober_run (prober, issued_at desc);

-- The bytes that the prober signed. Controls verify them against the registered key when they read them.
create table controls_prober_report (
    run_id          uuid primary key references controls_prober_run (id) on delete cascade,
    document        bytea not null check (length(document) <= 65536),
    signature       bytea not null check (length(signature) = 64),
    -- Whether it came from an address that the deployment's machine does not have.
    from_elsewhere  boolean not null,
    received_at     timestamptz not null
);
