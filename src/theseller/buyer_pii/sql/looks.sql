-- Who looked at the slip of which order, in the shop whose scope is open: for its owner. It names no buyer.
create function guard.slip_looks(most int) returns table (at timestamptz, actor text, subject text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.at, e.actor, e.subject from public.audit_event e
    where e.tag = 'vault:recipient:viewed' and e.tenant_id = guard.ticket_tenant()
    order by e.position desc limit least(most, 1000)
$$;
revoke all on function guard.slip_looks(int) from public;
