-- Limits of members and invitations to some of the shop's marketplaces. Null is no limit, also for marketplaces that are added later.

alter table accounts_membership add column marketplaces text[];
alter table accounts_invitation add column marketplaces text[];
-- In this transaction, not only with the grants that follow it: the functions below belong to this role in a database of the release before,
-- whose programs call them in between.
grant select (marketplaces) on accounts_membership, accounts_invitation to theseller_directory;

-- The tenants of one person, with their limits. A reviewed bypass: it answers for one person and names nothing but tenants and rights.
create function guard.memberships_of(person uuid)
    returns table (tenant_id uuid, tenant_name text, role text, marketplaces text[])
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id, t.name, m.role, case when m.role <> 'owner' then m.marketplaces end
    from public.accounts_membership m join public.tenancy_tenant t on t.id = m.tenant_id
    where m.user_id = person
    order by t.name, m.tenant_id
$$;
revoke all on function guard.memberships_of(uuid) from public;

-- The invitation of a link, with its limit. A reviewed bypass: it answers anyone who has the link.
create function guard.linked_invitation(link_hash bytea, present timestamptz)
    returns table (tenant_id uuid, tenant_name text, email text, role text, expires_at timestamptz, marketplaces text[])
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select i.tenant_id, t.name, i.email, i.role, i.expires_at, i.marketplaces
    from public.accounts_invitation i join public.tenancy_tenant t on t.id = i.tenant_id
    where i.token_hash = link_hash and i.expires_at > present
$$;
revoke all on function guard.linked_invitation(bytea, timestamptz) from public;

-- Programs of the release before know no limits and call these two: to them a limited member belongs to no shop, and the link of a limited
-- invitation is not valid.
create or replace function guard.tenants_of(person uuid) returns table (tenant_id uuid, tenant_name text, role text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id, t.name, m.role
    from public.accounts_membership m join public.tenancy_tenant t on t.id = m.tenant_id
    where m.user_id = person and (m.marketplaces is null or m.role = 'owner')
    order by t.name, m.tenant_id
$$;
create or replace function guard.invitation_of_link(link_hash bytea, present timestamptz)
    returns table (tenant_id uuid, tenant_name text, email text, role text, expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select i.tenant_id, t.name, i.email, i.role, i.expires_at
    from public.accounts_invitation i join public.tenancy_tenant t on t.id = i.tenant_id
    where i.token_hash = link_hash and i.expires_at > present and i.marketplaces is null
$$;
