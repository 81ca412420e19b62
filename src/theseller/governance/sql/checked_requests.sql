-- Deletions are requested by functions that check who asks. The role of the web's pages has no right to any of them: the application calls
-- them as `theseller_auth`, after the person's password. Inserting into the tables themselves is no role's that serves.

-- An account ends at its owner's request: after it was locked, and never while a shop or the deployment would be left without one.
create function guard.request_person_end(person uuid, present timestamptz, link_hash bytea, link_expires timestamptz) returns boolean
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
    if exists (select from public.accounts_operator o where o.user_id = person) and not exists (
        select from public.accounts_operator o where o.user_id <> person
          and not exists (select from public.retention_person_end p where p.user_id = o.user_id and p.own_wish))
    then
        raise insufficient_privilege using message = 'the last operator is not deleted';
    end if;
    insert into public.retention_person_end as e (user_id, asked_at, own_wish) values (person, present, true)
    on conflict (user_id) do update set asked_at = excluded.asked_at, own_wish = true, completed_at = null, kept = false
    where not e.own_wish;
    first := found;
    insert into public.retention_end_link (token_hash, subject_id, kind, made_at, expires_at)
    values (link_hash, person, 'person', present, link_expires);
    return first;
end
$$;
revoke all on function guard.request_person_end(uuid, timestamptz, bytea, timestamptz) from public;

-- A shop ends at the request of one of its owners, in its own scope. Answers whether this is the first request, and what it covers.
create function guard.request_shop_end(person uuid, request uuid, present timestamptz, link_hash bytea, link_expires timestamptz,
                                       out first_request boolean, out covered uuid[])
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
    insert into public.retention_shop_end (tenant_id, id, asked_at, asked_by)
    values (tenant, gen_random_uuid(), present, 'user:' || person) on conflict do nothing;
    first_request := found;
    insert into public.retention_end_link (token_hash, subject_id, kind, made_at, expires_at)
    values (link_hash, tenant, 'shop', present, link_expires);
    if first_request then
        insert into public.governance_deletion_request (tenant_id, id, origin, connections, ends_shop, received_at, recorded_at, recorded_by)
        values (tenant, request, 'account_deletion', covered, true, present, present, 'user:' || person);
    end if;
end
$$;
revoke all on function guard.request_shop_end(uuid, uuid, timestamptz, bytea, timestamptz) from public;

-- The record that comes with a disconnection is the database's own: who disconnects needs no right to write requests.
create or replace function guard.request_of_end() returns trigger
language plpgsql security definer
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

-- A review covers what was complete when it was confirmed, and nothing that comes later. The database says when that was.
alter table governance_access_review add column confirmed_txid bigint;
create function guard.check_review() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    new.confirmed_txid := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    if new.until_txid >= new.confirmed_txid then
        raise insufficient_privilege using message = 'a review covers no event that is still to come';
    end if;
    return new;
end
$$;
revoke all on function guard.check_review() from public;
create trigger checked before insert on governance_access_review for each row execute function guard.check_review();

-- As before, but a review of an earlier version whose end lies in the future covers nothing.
create or replace function guard.access_to_review(how_many int)
    returns table (txid bigint, "position" bigint, at timestamptz, tag text, actor text, tenant_id uuid, subject text, details jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.txid, e.position, e.at, e.tag, e.actor, e.tenant_id, e.subject, e.details
    from public.audit_event e
    where e.tag = any (array[
        'accounts:operator:added', 'accounts:operator:removed', 'accounts:recovery_codes:made', 'accounts:second_factor:added',
        'accounts:second_factor:removed', 'audit:log:restored', 'connections:token:resealed', 'governance:access:closed', 'governance:access:opened',
        'governance:access:viewed', 'governance:rotation:begun', 'governance:rotation:finished', 'governance:rotation:forced',
        'governance:secret:age_noted', 'governance:secret:bundled', 'governance:secret:filled', 'governance:secret:given',
        'governance:secret:put', 'operations:act:unreadable', 'operations:database:opened', 'operations:database:restored'])
      and e.txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      and not exists (
        select from public.governance_access_review r
        where (e.txid, e.position) <= (r.until_txid, r.until_position)
          and r.until_txid < coalesce(r.confirmed_txid, pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
          and (r.covers_own or e.actor not in ('user:' || r.reviewer, 'operator:' || r.reviewer)))
    order by e.txid, e.position limit least(how_many, 1000)
$$;
