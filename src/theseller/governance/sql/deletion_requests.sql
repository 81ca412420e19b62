-- Requests for deletion, whoever asks: one record each. Its state is nowhere stored: it is read off the disconnections, erasures and
-- certificates of the connections that it covers.

create table governance_deletion_request (
    tenant_id    uuid not null,  -- no foreign key: that it was asked and answered outlives the shop
    id           uuid not null,
    origin       text not null check (origin in
        ('seller_request', 'revoked_at_amazon', 'account_deletion', 'amazon_request', 'authorisation_expired')),
    connections  uuid[] not null,
    ends_shop    boolean not null default false,
    received_at  timestamptz not null,
    recorded_at  timestamptz not null check (recorded_at >= received_at),
    recorded_by  text not null check (recorded_by ~ '^(user|process|operator|amazon):[A-Za-z0-9_-]{1,64}$'),
    reference    text not null default '' check (reference ~ '^[A-Za-z0-9._#/-]{0,60}$'),
    primary key (tenant_id, id),
    check (ends_shop or cardinality(connections) > 0)
);
-- The ends that there are already. The owner reads them all for this moment: row security is forced again in the same transaction.
alter table connections_disconnection no force row level security;
insert into governance_deletion_request (tenant_id, id, origin, connections, received_at, recorded_at, recorded_by)
select d.tenant_id, gen_random_uuid(), d.reason, array[d.connection_id], d.at, d.at, d.actor from connections_disconnection d;
alter table connections_disconnection force row level security;
select guard.protect('governance_deletion_request');
create trigger append_only before update or delete on governance_deletion_request for each row execute function guard.refuse_change();
create trigger append_only_whole before truncate on governance_deletion_request for each statement execute function guard.refuse_change();

-- No connection ends without a request: the record comes with the disconnection, in its transaction, unless one that covers it was there.
create function guard.request_of_end() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from public.governance_deletion_request r where r.tenant_id = new.tenant_id and new.connection_id = any (r.connections)
    ) then
        insert into public.governance_deletion_request (tenant_id, id, origin, connections, received_at, recorded_at, recorded_by)
        values (new.tenant_id, gen_random_uuid(), new.reason, array[new.connection_id], new.at, new.at, new.actor);
    end if;
    return null;
end
$$;
revoke all on function guard.request_of_end() from public;
create trigger deletion_request after insert on connections_disconnection for each row execute function guard.request_of_end();

-- Whose connections an Amazon seller id names, ended ones too: a reviewed bypass that names work, never data.
create function guard.connections_of_seller(partner text) returns table (tenant_id uuid, connection_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.tenant_id, c.id from public.connections_connection c
    where c.selling_partner_id = partner and partner <> '' order by c.tenant_id, c.id
$$;

-- Open connections whose yearly authorisation has ended: a reviewed bypass that names work, never data.
create function guard.ended_authorisations(present timestamptz, most int)
    returns table (tenant_id uuid, connection_id uuid, ended_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.tenant_id, c.id, c.authorisation_expires_at
    from public.connections_connection c
    where c.origin = 'lwa' and c.authorisation_expires_at <= present
      and not exists (select from public.connections_disconnection d where d.tenant_id = c.tenant_id and d.connection_id = c.id)
    order by c.authorisation_expires_at limit least(most, 1000)
$$;

-- Each request with the facts that its state follows from: for the operators' list.
create function guard.deletion_requests(most int)
    returns table (tenant_id uuid, id uuid, origin text, connections uuid[], ends_shop boolean, received_at timestamptz,
                   recorded_at timestamptz, recorded_by text, reference text, ended int, erased int, certified int,
                   closed_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id, r.id, r.origin, r.connections, r.ends_shop, r.received_at, r.recorded_at, r.recorded_by, r.reference,
           f.ended, f.erased, f.certified, f.closed_at
    from public.governance_deletion_request r
    cross join lateral (
        select count(*) filter (where d.at is not null or c.issued_at is not null)::int as ended,
               count(p.completed_at)::int as erased, count(c.issued_at)::int as certified, max(c.issued_at) as closed_at
        from unnest(r.connections) as one (id)
        left join public.connections_disconnection d on d.tenant_id = r.tenant_id and d.connection_id = one.id
        left join public.retention_purge p on p.tenant_id = r.tenant_id and p.connection_id = one.id
        left join public.retention_certificate c on c.tenant_id = r.tenant_id and c.connection_id = one.id
    ) f
    order by r.received_at desc, r.id limit least(most, 1000)
$$;
revoke all on function guard.connections_of_seller(text), guard.ended_authorisations(timestamptz, int), guard.deletion_requests(int)
    from public;

-- How many lines of the log speak of the shop whose scope is open, and since when: for its own page.
create function guard.log_of_shop() returns table (lines bigint, since timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*), min(e.at) from public.audit_event e where e.tenant_id = guard.ticket_tenant()
$$;
revoke all on function guard.log_of_shop() from public;

-- Open connections that a recorded request covers: a reviewed bypass that names work, never data.
create function guard.unbegun_requests() returns table (tenant_id uuid, connection_id uuid, origin text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id, c.id, r.origin
    from public.governance_deletion_request r
    join public.connections_connection c on c.tenant_id = r.tenant_id and c.id = any (r.connections)
    where not exists (select from public.connections_disconnection d where d.tenant_id = c.tenant_id and d.connection_id = c.id)
    order by r.received_at, c.id limit 1000
$$;
revoke all on function guard.unbegun_requests() from public;
