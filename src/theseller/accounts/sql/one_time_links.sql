-- One-time links: to join a shop, and to choose a new password. Of each link only the SHA-256 of its token is stored; a link is used by
-- deleting its row, so that of two requests that use it at once exactly one finds it.

-- Invitations to a shop. `user_id` is the account that had the address when the invitation was made, so that its erasure finds the row.
create table accounts_invitation (
    tenant_id   uuid not null references tenancy_tenant (id),
    id          uuid not null,
    token_hash  bytea not null check (octet_length(token_hash) = 32),
    email       text not null check (email = lower(email) and email ~ '^[!-~]+$' and length(email) <= 254),
    role        text not null check (role in ('owner', 'analyst', 'accountant', 'viewer')),
    user_id     uuid references accounts_user (id),
    made_at     timestamptz not null,
    expires_at  timestamptz not null check (expires_at > made_at and expires_at <= made_at + interval '72 hours'),
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    unique (tenant_id, email)
);
select guard.protect('accounts_invitation');

-- Links to choose a new password, of accounts that exist. One for each account.
create table accounts_password_link (
    token_hash  bytea primary key check (octet_length(token_hash) = 32),
    user_id     uuid not null unique references accounts_user (id),
    made_at     timestamptz not null,
    expires_at  timestamptz not null check (expires_at > made_at and expires_at <= made_at + interval '72 hours')
);

-- The invitation of a link. A reviewed bypass: it answers anyone who has the link, since they are not signed in to a tenant yet.
create function guard.invitation_of_link(link_hash bytea, present timestamptz)
    returns table (tenant_id uuid, tenant_name text, email text, role text, expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select i.tenant_id, t.name, i.email, i.role, i.expires_at
    from public.accounts_invitation i join public.tenancy_tenant t on t.id = i.tenant_id
    where i.token_hash = link_hash and i.expires_at > present
$$;
revoke all on function guard.invitation_of_link(bytea, timestamptz) from public;

-- The tenants that have expired invitations: identifiers of pending work.
create function guard.tenants_with_expired_invitations(present timestamptz) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select distinct i.tenant_id from public.accounts_invitation i where i.expires_at <= present order by 1 limit 1000
$$;
revoke all on function guard.tenants_with_expired_invitations(timestamptz) from public;

-- The tenants with counts, for operators. No facts and no person.
create function guard.shops(present timestamptz)
    returns table (tenant_id uuid, tenant_name text, created_at timestamptz, members int, owners int, invitations int, connections int,
                   being_deleted boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.id, t.name, t.created_at,
           (select count(*)::int from public.accounts_membership m where m.tenant_id = t.id),
           (select count(*)::int from public.accounts_membership m where m.tenant_id = t.id and m.role = 'owner'),
           (select count(*)::int from public.accounts_invitation i where i.tenant_id = t.id and i.expires_at > present),
           (select count(*)::int from public.connections_connection c
            where c.tenant_id = t.id and not exists (
                select from public.connections_disconnection d where d.tenant_id = c.tenant_id and d.connection_id = c.id)),
           exists (select from public.erasure_erasure e where e.tenant_id = t.id and e.subject_id = t.id and e.kind = 'shop')
    from public.tenancy_tenant t
    order by t.name, t.id
$$;
revoke all on function guard.shops(timestamptz) from public;

-- As before, and where an invitation names the user.
create or replace function guard.shops_of_person(person uuid) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id from public.accounts_membership m where m.user_id = person
    union select a.tenant_id from public.connections_attempt a where a.user_id = person
    union select i.tenant_id from public.accounts_invitation i where i.user_id = person
    order by 1
$$;

-- One role more: an accountant reads and exports figures, and sees no buyer.
alter table accounts_membership drop constraint accounts_membership_role_check;
alter table accounts_membership add constraint accounts_membership_role_check
    check (role in ('owner', 'analyst', 'accountant', 'viewer'));
