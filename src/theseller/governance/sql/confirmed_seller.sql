-- Whose connections an Amazon seller id names, ended ones too, by Amazon's own answers: what only a browser said does not count, for
-- anyone can name any seller there. A reviewed bypass that names work, never data.
create or replace function guard.connections_of_seller(partner text) returns table (tenant_id uuid, connection_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.tenant_id, c.id from public.connections_connection c
    where c.selling_partner_id = partner and partner <> '' and c.seller_confirmed_at is not null order by c.tenant_id, c.id
$$;
