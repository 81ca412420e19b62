-- One table of erasures and one of their certificates, for connections, tenants and users (decision 0019). They replace
-- retention_purge, retention_shop_end, retention_person_end, retention_certificate and retention_end_certificate.
--
-- Both have no foreign key: they outlive what they are about. `tenant_id` is the scope in which a row is read and written: of a
-- connection its tenant, of a tenant the tenant itself, of a user the user's own id, since a user belongs to no tenant. So both
-- tables are under the same row security as every table of a tenant, and what has to be read across scopes is read by functions.

create table erasure_erasure (
    tenant_id     uuid not null,
    subject_id    uuid not null,
    kind          text not null check (kind in ('connection', 'shop', 'person')),
    requested_at  timestamptz not null,  -- of a connection: when it ended
    requested_by  text check (requested_by ~ '^(user|process|operator):[A-Za-z0-9_-]{1,64}$'),
    own_request   boolean not null default false,  -- a user asked for it; else they lost their last tenant
    kept          boolean not null default false,  -- the user has a tenant again, or operates this deployment
    begun_at      timestamptz,
    plan          jsonb not null default '{}',  -- rows by table before the first deletion
    steps_done    jsonb not null default '{}',  -- rows deleted, by step
    members       uuid[] not null default '{}',  -- of a tenant: the users whose accounts were checked because of it
    erased_at     timestamptz,  -- when the last row was deleted
    erased_xid    bigint,  -- a transaction later than all that deleted rows
    rewritten     jsonb not null default '{}',  -- each relation that was rewritten since, with its bytes and milliseconds
    wal_from      text check (wal_from ~ '^[0-9A-F]{24}$'),  -- the file of WAL with which the time after the rewriting begins
    left_over     jsonb,  -- the last count, by table
    completed_at  timestamptz,
    primary key (tenant_id, subject_id),
    constraint erasure_erasure_scope check (kind = 'connection' or tenant_id = subject_id),
    constraint erasure_erasure_connection check (kind <> 'connection' or begun_at is not null),
    constraint erasure_erasure_tenant check (
        case when kind = 'shop' then requested_by is not null and (completed_at is null or left_over is not null)
        else requested_by is null and members = '{}' end),
    constraint erasure_erasure_user check (kind = 'person' or not (own_request or kept))
);

create table erasure_certificate (
    tenant_id     uuid not null,
    subject_id    uuid not null,
    kind          text not null check (kind in ('connection', 'shop', 'person')),
    id            uuid not null,
    body          bytea not null,
    signature     bytea not null check (octet_length(signature) = 64),
    public_key    bytea not null check (octet_length(public_key) = 32),
    issued_at     timestamptz not null,
    primary key (tenant_id, subject_id),
    constraint erasure_certificate_scope check (kind = 'connection' or tenant_id = subject_id)
);

-- The rows that there are. Their owner reads them all in this transaction: row security is forced, and binds the owner too.
alter table retention_purge no force row level security;
alter table retention_certificate no force row level security;
alter table retention_shop_end no force row level security;
insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, begun_at, plan, steps_done, erased_at, erased_xid, rewritten,
                             wal_from, completed_at)
select tenant_id, connection_id, 'connection', disconnected_at, begun_at, plan, steps_done, erased_at, erased_xid, rewritten, wal_from,
       completed_at
from retention_purge;
insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by, begun_at, plan, steps_done, members, erased_at,
                             erased_xid, rewritten, wal_from, left_over, completed_at)
select tenant_id, tenant_id, 'shop', asked_at, asked_by, begun_at, coalesce(plan, '{}'), steps_done, people, erased_at, erased_xid,
       rewritten, wal_from, left_over, completed_at
from retention_shop_end;
insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, own_request, kept, begun_at, plan, steps_done, erased_at,
                             erased_xid, rewritten, wal_from, left_over, completed_at)
select user_id, user_id, 'person', asked_at, own_wish, kept, begun_at, plan, steps_done, erased_at, erased_xid, rewritten, wal_from,
       left_over, completed_at
from retention_person_end;
insert into erasure_certificate (tenant_id, subject_id, kind, id, body, signature, public_key, issued_at)
select tenant_id, connection_id, 'connection', id, body, signature, public_key, issued_at from retention_certificate
union all
select subject_id, subject_id, kind, id, body, signature, public_key, issued_at from retention_end_certificate;
do $$
begin
    if (select count(*) from erasure_erasure) <> (select count(*) from retention_purge) + (select count(*) from retention_shop_end)
           + (select count(*) from retention_person_end)
       or (select count(*) from erasure_certificate) <> (select count(*) from retention_certificate)
           + (select count(*) from retention_end_certificate)
    then
        raise exception 'rows of erasures or certificates were not moved';
    end if;
end
$$;
drop table retention_purge, retention_shop_end, retention_person_end, retention_certificate, retention_end_certificate;
select guard.protect('erasure_erasure');
select guard.protect('erasure_certificate');

-- Each kind has columns that no role may change after the row was made; rights to columns can't tell the kinds apart. The owner of
-- the functions that record requests changes rows of users only.
create function guard.check_erasure() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if (new.tenant_id, new.subject_id, new.kind, new.requested_by) is distinct from
           (old.tenant_id, old.subject_id, old.kind, old.requested_by)
       or old.kind <> 'person' and (new.requested_at is distinct from old.requested_at or current_user = 'theseller_requests')
       or old.kind = 'connection' and (new.begun_at, new.plan) is distinct from (old.begun_at, old.plan)
    then
        raise insufficient_privilege using message = 'this column of an erasure is not changed';
    end if;
    return new;
end
$$;
revoke all on function guard.check_erasure() from public;
create trigger checked before update on erasure_erasure for each row execute function guard.check_erasure();

-- As before, from the one pair. Closed connections without a certificate; what failed waits until it is tried again.
create or replace function guard.due_purges(present timestamptz, most int)
returns table (tenant_id uuid, connection_id uuid, disconnected_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.tenant_id, d.connection_id, d.at
    from public.connections_disconnection d
    where d.at <= present
      and not exists (
          select from public.erasure_certificate c where c.tenant_id = d.tenant_id and c.subject_id = d.connection_id)
      and not exists (select from public.retention_end_failure f where f.subject_id = d.connection_id and f.retry_at > present)
    order by d.at
    limit least(most, 1000)
$$;

-- Tenants whose erasure was requested before a moment and all of whose connections are certified.
drop function guard.due_shop_ends(timestamptz);
create or replace function guard.due_shop_ends(asked_before timestamptz, present timestamptz) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.tenant_id from public.erasure_erasure e
    where e.kind = 'shop' and e.completed_at is null and e.requested_at <= asked_before
      and not exists (
          select from public.connections_connection c
          where c.tenant_id = e.tenant_id and not exists (
              select from public.erasure_certificate r where r.tenant_id = c.tenant_id and r.subject_id = c.id))
      and not exists (select from public.retention_end_failure f where f.subject_id = e.tenant_id and f.retry_at > present)
    order by e.requested_at limit 100
$$;

-- Erasures of users that are not complete, the oldest request first; those that failed and wait only if `waiting_too`.
create function guard.due_user_erasures(present timestamptz, waiting_too boolean)
    returns table (user_id uuid, own_request boolean, rows_deleted boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.subject_id, e.own_request, e.erased_at is not null from public.erasure_erasure e
    where e.kind = 'person' and e.completed_at is null
      and (waiting_too or not exists (
          select from public.retention_end_failure f where f.subject_id = e.subject_id and f.retry_at > present))
    order by e.requested_at, e.subject_id
$$;
revoke all on function guard.due_user_erasures(timestamptz, boolean) from public;

-- Records that the members of the tenant in scope are to be erased, if they have no other tenant; returns them. Only of a tenant
-- whose erasure was requested.
create function guard.request_member_erasures(present timestamptz) returns setof uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant uuid := guard.ticket_tenant();
begin
    if not exists (select from public.erasure_erasure e where e.tenant_id = tenant and e.subject_id = tenant and e.kind = 'shop') then
        raise insufficient_privilege using message = 'the erasure of this tenant was not requested';
    end if;
    insert into public.erasure_erasure (tenant_id, subject_id, kind, requested_at)
    select m.user_id, m.user_id, 'person', present from public.accounts_membership m where m.tenant_id = tenant
    on conflict (tenant_id, subject_id) do update set completed_at = null, kept = false;
    return query select m.user_id from public.accounts_membership m where m.tenant_id = tenant;
end
$$;
revoke all on function guard.request_member_erasures(timestamptz) from public;

-- The erasures of users who were members of the tenant in scope when it was erased.
create function guard.member_erasures()
    returns table (user_id uuid, own_request boolean, kept boolean, plan jsonb, steps_done jsonb, completed_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.subject_id, p.own_request, p.kept, p.plan, p.steps_done, p.completed_at
    from public.erasure_erasure t cross join unnest(t.members) m (id)
    join public.erasure_erasure p on p.tenant_id = m.id and p.subject_id = m.id and p.kind = 'person'
    where t.tenant_id = guard.ticket_tenant() and t.subject_id = t.tenant_id and t.kind = 'shop'
    order by 1
$$;
revoke all on function guard.member_erasures() from public;

-- Adds rows to the count of a user's erasure. A step deletes them in the scope of one of the user's tenants and is counted in the
-- same transaction, which can't be in the user's own scope as well.
create function guard.mark_user_steps(person uuid, deleted jsonb) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    update public.erasure_erasure e
    set steps_done = e.steps_done || (
        select coalesce(jsonb_object_agg(one.key, coalesce((e.steps_done->>one.key)::bigint, 0) + one.value::bigint), '{}')
        from jsonb_each_text(deleted) one)
    where e.tenant_id = person and e.subject_id = person and e.kind = 'person' and e.completed_at is null
$$;
revoke all on function guard.mark_user_steps(uuid, jsonb) from public;

-- The certificate of a tenant or a user that was erased: for operators, and for the link to it.
create function guard.certificate_of(subject uuid) returns table (id uuid, body bytea, signature bytea, public_key bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.id, c.body, c.signature, c.public_key from public.erasure_certificate c
    where c.tenant_id = subject and c.subject_id = subject and c.kind <> 'connection'
$$;
revoke all on function guard.certificate_of(uuid) from public;

-- What a link leads to. A reviewed bypass: it answers who has the link, and names no tenant and no user.
create or replace function guard.end_by_link(link_hash bytea, present timestamptz)
    returns table (kind text, asked_at timestamptz, erased_at timestamptz, completed_at timestamptz, expires_at timestamptz,
                   certificate_id uuid, body bytea, signature bytea, public_key bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.kind, e.requested_at, e.erased_at, e.completed_at, l.expires_at, c.id, c.body, c.signature, c.public_key
    from public.retention_end_link l
    left join public.erasure_erasure e on e.tenant_id = l.subject_id and e.subject_id = l.subject_id and e.kind = l.kind
    left join public.erasure_certificate c on c.tenant_id = l.subject_id and c.subject_id = l.subject_id and c.kind = l.kind
    where l.token_hash = link_hash and l.expires_at > present
$$;

-- Erasures of tenants, and of users who requested theirs, newest first: for operators.
create or replace function guard.ends(most int)
    returns table (subject_id uuid, kind text, asked_at timestamptz, erased_at timestamptz, completed_at timestamptz, certificate_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.subject_id, e.kind, e.requested_at, e.erased_at, e.completed_at, c.id
    from public.erasure_erasure e
    left join public.erasure_certificate c on c.tenant_id = e.tenant_id and c.subject_id = e.subject_id
    where e.kind = 'shop' or e.kind = 'person' and e.own_request
    order by e.requested_at desc, e.subject_id limit least(most, 1000)
$$;

-- The tenants that no one else owns and whose erasure no one requested. Users who requested their own own nothing any more.
create or replace function guard.shops_without_another_owner(person uuid) returns table (tenant_id uuid, tenant_name text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id, t.name
    from public.accounts_membership m join public.tenancy_tenant t on t.id = m.tenant_id
    where m.user_id = person and m.role = 'owner'
      and not exists (select from public.erasure_erasure e where e.tenant_id = m.tenant_id and e.subject_id = m.tenant_id)
      and not exists (
          select from public.accounts_membership o
          where o.tenant_id = m.tenant_id and o.user_id <> person and o.role = 'owner'
            and not exists (
                select from public.erasure_erasure p where p.tenant_id = o.user_id and p.subject_id = o.user_id and p.own_request))
    order by t.name, m.tenant_id
$$;

-- Whether a user operates this deployment and every other operator has requested the deletion of their account.
create function guard.is_last_operator(person uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from public.accounts_operator o where o.user_id = person) and not exists (
        select from public.accounts_operator o where o.user_id <> person
          and not exists (
              select from public.erasure_erasure p where p.tenant_id = o.user_id and p.subject_id = o.user_id and p.own_request))
$$;
revoke all on function guard.is_last_operator(uuid) from public;

-- As before: an account ends at its owner's request, after it was locked, and never while a tenant or the deployment would be left
-- without an owner.
create or replace function guard.request_person_end(person uuid, present timestamptz, link_hash bytea, link_expires timestamptz)
    returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    first boolean;
begin
    -- Two owners who leave at the same moment would each see the other: one after the other, then.
    perform pg_advisory_xact_lock(hashtextextended('account-ends', 0));
    if not exists (select from public.accounts_user u where u.id = person and u.password like '!%') then
        raise insufficient_privilege using message = 'an account that is not locked is not deleted';
    end if;
    if exists (select from guard.shops_without_another_owner(person)) then
        raise insufficient_privilege using message = 'the only owner of a shop is not deleted';
    end if;
    if guard.is_last_operator(person) then
        raise insufficient_privilege using message = 'the last operator is not deleted';
    end if;
    insert into public.erasure_erasure as e (tenant_id, subject_id, kind, requested_at, own_request)
    values (person, person, 'person', present, true)
    on conflict (tenant_id, subject_id) do update
        set requested_at = excluded.requested_at, own_request = true, completed_at = null, kept = false
    where not e.own_request;
    first := found;
    insert into public.retention_end_link (token_hash, subject_id, kind, made_at, expires_at)
    values (link_hash, person, 'person', present, link_expires);
    return first;
end
$$;

-- As before: a tenant ends at the request of one of its owners, in its own scope. Answers whether this is the first request, and what
-- it covers.
create or replace function guard.request_shop_end(person uuid, request uuid, present timestamptz, link_hash bytea,
                                                  link_expires timestamptz, out first_request boolean, out covered uuid[])
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant uuid := guard.ticket_tenant();
begin
    if not exists (select from public.accounts_membership m where m.tenant_id = tenant and m.user_id = person and m.role = 'owner') then
        raise insufficient_privilege using message = 'only an owner of a shop ends it';
    end if;
    covered := array(select c.id from public.connections_connection c where c.tenant_id = tenant order by c.id);
    insert into public.erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by)
    values (tenant, tenant, 'shop', present, 'user:' || person) on conflict do nothing;
    first_request := found;
    insert into public.retention_end_link (token_hash, subject_id, kind, made_at, expires_at)
    values (link_hash, tenant, 'shop', present, link_expires);
    if first_request then
        insert into public.governance_deletion_request (tenant_id, id, origin, connections, ends_shop, received_at, recorded_at, recorded_by)
        values (tenant, request, 'account_deletion', covered, true, present, present, 'user:' || person);
    end if;
end
$$;

-- As before: each request for deletion with the facts that its state follows from.
create or replace function guard.deletion_requests(most int)
    returns table (tenant_id uuid, id uuid, origin text, connections uuid[], ends_shop boolean, received_at timestamptz,
                   recorded_at timestamptz, recorded_by text, reference text, ended int, erased int, certified int,
                   closed_at timestamptz, shop_gone_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id, r.id, r.origin, r.connections, r.ends_shop, r.received_at, r.recorded_at, r.recorded_by, r.reference,
           f.ended, f.erased, f.certified, f.closed_at, e.completed_at
    from public.governance_deletion_request r
    left join public.erasure_erasure e on e.tenant_id = r.tenant_id and e.subject_id = r.tenant_id
    cross join lateral (
        select count(*) filter (where d.at is not null or c.issued_at is not null)::int as ended,
               count(p.completed_at)::int as erased, count(c.issued_at)::int as certified, max(c.issued_at) as closed_at
        from unnest(r.connections) as one (id)
        left join public.connections_disconnection d on d.tenant_id = r.tenant_id and d.connection_id = one.id
        left join public.erasure_erasure p on p.tenant_id = r.tenant_id and p.subject_id = one.id
        left join public.erasure_certificate c on c.tenant_id = r.tenant_id and c.subject_id = one.id
    ) f
    order by r.received_at desc, r.id limit least(most, 1000)
$$;
