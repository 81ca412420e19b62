-- Slips that were asked for and not answered yet.
create index vault_request_open on vault_request (asked_at) where outcome is null;

-- The connections that they are of: a reviewed bypass that names work, never data.
create function guard.open_wishes(most int) returns table (tenant_id uuid, connection_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id, r.connection_id from public.vault_request r
    where r.outcome is null
    group by 1, 2 order by min(r.asked_at) limit least(most, 1000)
$$;
revoke all on function guard.open_wishes(int) from public;
