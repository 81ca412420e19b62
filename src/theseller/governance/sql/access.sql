-- Operators and sellers' data: they have none of it by default. A session opens one shop to one operator for an hour at most, read only, with
-- a reason; who looked is reviewed every two weeks.

create table governance_access_session (
    tenant_id   uuid not null,  -- no foreign key: who looked outlives the shop
    id          uuid not null,
    operator    uuid not null,
    reason      text not null check (length(reason) between 20 and 1000),
    ticket      text not null check (ticket ~ '^[A-Za-z0-9][A-Za-z0-9._#/-]{0,59}$'),
    opened_at   timestamptz not null,
    expires_at  timestamptz not null,
    closed_at   timestamptz,
    closed_how  text check (closed_how in ('expired', 'left', 'removed')),
    primary key (tenant_id, id),
    constraint governance_access_session_hour check (expires_at > opened_at and expires_at <= opened_at + interval '60 minutes'),
    check ((closed_at is null) = (closed_how is null))
);
create index governance_access_session_operator on governance_access_session (operator, opened_at);
select guard.protect('governance_access_session');

-- A review covers every event up to a mark in the order in which the log is sealed; not the reviewer's own acts, where somebody else can
-- look at them.
create table governance_access_review (
    id               uuid primary key,
    reviewer         uuid not null,
    at               timestamptz not null,
    until_txid       bigint not null,
    until_position   bigint not null,
    covers_own       boolean not null,
    events           int not null check (events >= 0),
    failed_sign_ins  int not null check (failed_sign_ins >= 0),
    note             text not null check (length(note) between 1 and 2000)
);
create trigger append_only before update or delete on governance_access_review for each row execute function guard.refuse_change();
create trigger append_only_whole before truncate on governance_access_review for each statement execute function guard.refuse_change();
create index audit_event_tag on audit_event (tag, txid, position);

-- The session that is open to a person at a moment: not closed, not past its end, and theirs only while they operate. A reviewed bypass:
-- the seat of a visit is found by it before any tenant is known.
create function guard.open_access(person uuid, asked_at timestamptz)
    returns table (tenant_id uuid, tenant_name text, id uuid, opened_at timestamptz, expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.tenant_id, t.name, s.id, s.opened_at, s.expires_at
    from public.governance_access_session s join public.tenancy_tenant t on t.id = s.tenant_id
    where s.operator = person and s.closed_at is null and s.expires_at > asked_at
      and s.opened_at >= asked_at - interval '60 minutes'  -- once more, should the table's own check be gone
      and exists (select from public.accounts_operator o where o.user_id = person)
    order by s.opened_at
$$;

-- The newest sessions of all shops, for the operators' page.
create function guard.access_sessions(how_many int)
    returns table (tenant_id uuid, tenant_name text, id uuid, operator uuid, reason text, ticket text, opened_at timestamptz,
                   expires_at timestamptz, closed_at timestamptz, closed_how text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.tenant_id, coalesce(t.name, ''), s.id, s.operator, s.reason, s.ticket, s.opened_at, s.expires_at, s.closed_at, s.closed_how
    from public.governance_access_session s left join public.tenancy_tenant t on t.id = s.tenant_id
    order by s.opened_at desc, s.id limit least(how_many, 200)
$$;

-- Sessions that are over and whose end is not written down yet.
create function guard.ended_access(asked_at timestamptz) returns table (tenant_id uuid, id uuid, closed_how text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.tenant_id, s.id, case when s.expires_at <= asked_at then 'expired' else 'removed' end
    from public.governance_access_session s
    where s.closed_at is null
      and (s.expires_at <= asked_at or not exists (select from public.accounts_operator o where o.user_id = s.operator))
    order by s.opened_at limit 100
$$;

-- What a review has to look at and none has: the lines of the log about access, oldest first, that are complete (sql of `audit`).
create function guard.access_to_review(how_many int)
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
          and (r.covers_own or e.actor not in ('user:' || r.reviewer, 'operator:' || r.reviewer)))
    order by e.txid, e.position limit least(how_many, 1000)
$$;

-- How often a sign-in or a second factor was refused since a moment; a review sees the count.
create function guard.refusals_since(moment timestamptz) returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*) from public.audit_event e
    where e.tag in ('accounts:session:sign_in_failed', 'accounts:second_factor:refused') and e.at > moment
$$;

-- The pages that operators saw of the shop whose scope is open: for its owner.
create function guard.access_views() returns table (at timestamptz, subject text, details jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.at, e.subject, e.details from public.audit_event e
    where e.tag = 'governance:access:viewed' and e.tenant_id = guard.ticket_tenant()
    order by e.position desc limit 1000
$$;
revoke all on function guard.open_access(uuid, timestamptz), guard.access_sessions(int), guard.ended_access(timestamptz),
    guard.access_to_review(int), guard.refusals_since(timestamptz), guard.access_views() from public;
