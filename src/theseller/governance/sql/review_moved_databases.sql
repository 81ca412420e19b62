-- As before, and with moves of the database to another server.
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
        'governance:secret:put', 'operations:act:unreadable', 'operations:database:moved', 'operations:database:opened',
        'operations:database:restored'])
      and e.txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      and not exists (
        select from public.governance_access_review r
        where (e.txid, e.position) <= (r.until_txid, r.until_position)
          and r.until_txid < coalesce(r.confirmed_txid, pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
          and (r.covers_own or e.actor not in ('user:' || r.reviewer, 'operator:' || r.reviewer)))
    order by e.txid, e.position limit least(how_many, 1000)
$$;
