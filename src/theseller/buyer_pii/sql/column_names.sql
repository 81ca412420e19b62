-- Columns, an index and a constraint in standard terms: a recipient expires, an order's recipient is requested.
alter table pii.recipient rename column dies_on to expires_on;
alter table pii.recipient rename constraint recipient_dies_in_time to recipient_expires_in_time;
alter index pii.recipient_dies_on rename to recipient_expires_on;
alter table pii.day_key rename column dies_on to expires_on;
alter table vault_request rename column asked_at to requested_at;
alter table vault_request rename column asked_by to requested_by;

-- The functions that read them, as before.
create or replace function guard.due_recipients(present date, most int) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id from pii.recipient r
    where r.expires_on <= present
       or not exists (select from public.vault_consent c
                      where c.tenant_id = r.tenant_id and c.connection_id = r.connection_id and c.withdrawn_at is null)
    group by r.tenant_id order by min(r.expires_on) limit least(most, 1000)
$$;
create or replace function guard.recipients_of_shop() returns table (held bigint, since timestamptz, until date)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*), min(r.fetched_at), max(r.expires_on) from pii.recipient r where r.tenant_id = guard.ticket_tenant()
$$;
create or replace function guard.requested_recipients(most int) returns table (tenant_id uuid, connection_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id, r.connection_id from public.vault_request r
    where r.outcome is null
    group by 1, 2 order by min(r.requested_at) limit least(most, 1000)
$$;
