-- Shops and accounts that end are proven gone as connections are: what they lay in is written anew, looked through, counted once more, and
-- signed for. Who owned them has no account any more: a link, of which only a hash is kept, leads to the proof.

alter table retention_shop_end
    add column people      uuid[] not null default '{}',  -- whose accounts were looked at because of it: ids that name nobody any more
    add column erased_at   timestamptz,
    add column erased_xid  bigint,
    add column rewritten   jsonb not null default '{}',
    add column wal_from    text check (wal_from ~ '^[0-9A-F]{24}$');
-- Shops that ended before this are gone through once more, and certified. The owner writes them all for this moment: row security is forced
-- again in the same transaction.
alter table retention_shop_end no force row level security;
update retention_shop_end set completed_at = null, steps_done = '{}' where completed_at is not null;
alter table retention_shop_end force row level security;

alter table retention_person_end
    add column own_wish    boolean not null default false,  -- they asked for it themselves: their places in shops go too
    add column begun_at    timestamptz,
    add column plan        jsonb not null default '{}',
    add column steps_done  jsonb not null default '{}',
    add column left_over   jsonb,
    add column erased_at   timestamptz,
    add column erased_xid  bigint,
    add column rewritten   jsonb not null default '{}',
    add column wal_from    text check (wal_from ~ '^[0-9A-F]{24}$');

-- The proofs. Under no row security: their subjects belong to nobody any more, and who holds the link has no account. The web reads them by
-- a link's hash, or for an operator, and never lists them otherwise.
create table retention_end_certificate (
    subject_id   uuid primary key,
    kind         text not null check (kind in ('shop', 'person')),
    id           uuid not null unique,
    body         bytea not null,
    signature    bytea not null check (octet_length(signature) = 64),
    public_key   bytea not null check (octet_length(public_key) = 32),
    issued_at    timestamptz not null
);
create table retention_end_link (
    token_hash   bytea primary key check (octet_length(token_hash) = 32),
    subject_id   uuid not null,
    kind         text not null check (kind in ('shop', 'person')),
    made_at      timestamptz not null,
    expires_at   timestamptz not null check (expires_at > made_at)
);
create index retention_end_link_subject on retention_end_link (subject_id);

-- What a link leads to: how far the end is, and its proof. A reviewed bypass: it answers who has the link, and names no shop and no person.
create function guard.end_by_link(link_hash bytea, present timestamptz)
    returns table (kind text, asked_at timestamptz, erased_at timestamptz, completed_at timestamptz, expires_at timestamptz,
                   certificate_id uuid, body bytea, signature bytea, public_key bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.kind, coalesce(s.asked_at, p.asked_at), coalesce(s.erased_at, p.erased_at), coalesce(s.completed_at, p.completed_at),
           l.expires_at, c.id, c.body, c.signature, c.public_key
    from public.retention_end_link l
    left join public.retention_shop_end s on l.kind = 'shop' and s.tenant_id = l.subject_id
    left join public.retention_person_end p on l.kind = 'person' and p.user_id = l.subject_id
    left join public.retention_end_certificate c on c.subject_id = l.subject_id
    where l.token_hash = link_hash and l.expires_at > present
$$;
revoke all on function guard.end_by_link(bytea, timestamptz) from public;

-- The ends of shops, and of people who asked for it, newest first: for operators.
create function guard.ends(most int)
    returns table (subject_id uuid, kind text, asked_at timestamptz, erased_at timestamptz, completed_at timestamptz, certificate_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.subject_id, e.kind, e.asked_at, e.erased_at, e.completed_at, c.id
    from (
        select tenant_id as subject_id, 'shop' as kind, asked_at, erased_at, completed_at from public.retention_shop_end
        union all
        select user_id, 'person', asked_at, erased_at, completed_at from public.retention_person_end where own_wish
    ) e left join public.retention_end_certificate c on c.subject_id = e.subject_id
    order by e.asked_at desc, e.subject_id limit least(most, 1000)
$$;
revoke all on function guard.ends(int) from public;

-- The shops in which a person has a place, or began something: where rows name them. A reviewed bypass: it answers for one person.
create function guard.shops_of_person(person uuid) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id from public.accounts_membership m where m.user_id = person
    union select a.tenant_id from public.connections_attempt a where a.user_id = person
    order by 1
$$;
revoke all on function guard.shops_of_person(uuid) from public;

-- The shops that nobody else owns, and that nobody has asked to end: who owns one can't just go. People who asked to go own nothing any more.
create function guard.shops_without_another_owner(person uuid) returns table (tenant_id uuid, tenant_name text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.tenant_id, t.name
    from public.accounts_membership m join public.tenancy_tenant t on t.id = m.tenant_id
    where m.user_id = person and m.role = 'owner'
      and not exists (select from public.retention_shop_end e where e.tenant_id = m.tenant_id)
      and not exists (
          select from public.accounts_membership o
          where o.tenant_id = m.tenant_id and o.user_id <> person and o.role = 'owner'
            and not exists (select from public.retention_person_end p where p.user_id = o.user_id and p.own_wish))
    order by t.name, m.tenant_id
$$;
revoke all on function guard.shops_without_another_owner(uuid) from public;

-- As before, but a shop under a standing hold is none that facts leave, and who has waited longest comes first: held shops can't fill the
-- list and keep the others from it.
drop function guard.aged_tenants(date, int);
create function guard.aged_tenants(oldest_day date, present timestamptz, most int) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select a.tenant_id from (
        select tenant_id, min(local_day) as oldest from public.ingest_order_line where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.ingest_ledger_line where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.ingest_traffic_day where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.analytics_day where local_day < oldest_day group by 1
        union all select tenant_id, min(local_day) from public.analytics_day_product where local_day < oldest_day group by 1
        union all select tenant_id, min(updated_at)::date from public.ingest_product where updated_at < oldest_day group by 1
        union all select tenant_id, min(as_of)::date from public.ingest_inventory where as_of < oldest_day group by 1
        union all select tenant_id, min(covers_until)::date from public.ingest_document where covers_until < oldest_day group by 1
    ) a
    where not exists (
        select from public.retention_hold h
        where h.tenant_id = a.tenant_id and h.lifted_at is null and h.placed_at <= present and present < h.until)
    group by a.tenant_id order by min(a.oldest), a.tenant_id limit least(most, 1000)
$$;
revoke all on function guard.aged_tenants(date, timestamptz, int) from public;
