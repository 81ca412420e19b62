-- A request that ends the shop is closed when the shop itself has gone, and not before.
drop function guard.deletion_requests(int);
create function guard.deletion_requests(most int)
    returns table (tenant_id uuid, id uuid, origin text, connections uuid[], ends_shop boolean, received_at timestamptz,
                   recorded_at timestamptz, recorded_by text, reference text, ended int, erased int, certified int,
                   closed_at timestamptz, shop_gone_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id, r.id, r.origin, r.connections, r.ends_shop, r.received_at, r.recorded_at, r.recorded_by, r.reference,
           f.ended, f.erased, f.certified, f.closed_at, e.completed_at
    from public.governance_deletion_request r
    left join public.retention_shop_end e on e.tenant_id = r.tenant_id
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
revoke all on function guard.deletion_requests(int) from public;
