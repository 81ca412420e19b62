-- Which people belong to which tenant. Read by a person's id only through `guard.tenants_of`, because at sign-in no tenant is known yet.

create table accounts_membership (
    tenant_id  uuid not null references tenancy_tenant (id),
    user_id    uuid not null references accounts_user (id),
    role       text not null check (role in ('owner', 'analyst', 'viewer')),
    since      timestamptz not null,
    primary key (tenant_id, user_id)
);
create index accounts_membership_person on accounts_membership (user_id);
select guard.protect('accounts_membership');

-- The tenants of one person. A reviewed bypass: it answers for one person and names nothing but tenants and roles.
create function guard.tenants_of(person uuid) returns table (tenant_id uuid, tenant_name text, role text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id, t.name, m.role
    from public.accounts_membership m join public.tenancy_tenant t on t.id = m.tenant_id
    where m.user_id = person
    order by t.name, m.tenant_id
$$;
revoke all on function guard.tenants_of(uuid) from public;
