-- The purge ledger and the certificates. Evidence: no foreign key to the tenant, no personal data; it outlives what it speaks of.

create table retention_purge (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    id             uuid not null,
    disconnected_at timestamptz not null,
    begun_at       timestamptz not null,
    plan           jsonb not null,
    steps_done     jsonb not null default '{}',
    completed_at   timestamptz,
    primary key (tenant_id, connection_id)
);
select guard.protect('retention_purge');

create table retention_certificate (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    id             uuid not null,
    body           bytea not null,
    signature      bytea not null check (octet_length(signature) = 64),
    public_key     bytea not null check (octet_length(public_key) = 32),
    issued_at      timestamptz not null,
    primary key (tenant_id, connection_id)
);
select guard.protect('retention_certificate');

-- Closed connections whose data is not yet proven gone: a reviewed bypass that names work, never data.
create function guard.due_purges(present timestamptz, most int)
returns table (tenant_id uuid, connection_id uuid, disconnected_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.tenant_id, d.connection_id, d.at
    from public.connections_disconnection d
    where d.at <= present
      and not exists (
          select from public.retention_certificate c where c.tenant_id = d.tenant_id and c.connection_id = d.connection_id)
    order by d.at
    limit least(most, 1000)
$$;
revoke all on function guard.due_purges(timestamptz, int) from public;
