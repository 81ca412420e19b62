-- Buyers' personal data, of features that a seller turned on: none by default. It lies in a schema of its own, which only the vault's role
-- may read, and sealed only. What is known of a feature (who agreed, which orders were asked for) names no buyer and lies outside of it.

create table vault_consent (
    tenant_id      uuid not null,
    id             uuid not null,
    connection_id  uuid not null,
    terms          text not null,  -- the version of the text that the owner agreed to
    given_at       timestamptz not null,
    given_by       text not null,
    withdrawn_at   timestamptz,
    withdrawn_by   text check ((withdrawn_by is null) = (withdrawn_at is null)),
    primary key (tenant_id, id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
create unique index vault_consent_open on vault_consent (tenant_id, connection_id) where withdrawn_at is null;
select guard.protect('vault_consent');

-- An order whose slip was asked for, and what became of it. The table is the truth, a job is a nudge.
create table vault_request (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    order_id       text not null check (length(order_id) between 1 and 40),
    asked_at       timestamptz not null,
    asked_by       text not null,
    outcome        text check (outcome in
        ('fetched', 'not_yours', 'too_old', 'not_given', 'not_found', 'role_missing', 'switched_off', 'amazon_failed')),
    done_at        timestamptz check ((done_at is null) = (outcome is null)),
    primary key (tenant_id, connection_id, order_id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
select guard.protect('vault_request');

create schema pii;
revoke all on schema pii from public;

-- The key of each day of death: what dies on that day is sealed under it, whoever's it is.
create table pii.day_key (
    dies_on  date primary key,
    key_id   uuid not null unique,
    made_at  timestamptz not null
);

-- Where a parcel goes, sealed under the key of its day of death around a seal under its connection's own key. Nothing here is ever
-- updated: no day of death moves.
create table pii.recipient (
    tenant_id          uuid not null,
    connection_id      uuid not null,
    order_id           text not null check (length(order_id) between 1 and 40),
    fetched_at         timestamptz not null,
    shipped_at         timestamptz,
    dies_on            date not null,
    day_key_id         uuid not null,
    connection_key_id  uuid not null,
    sealed             bytea not null check (octet_length(sealed) > 97),
    primary key (tenant_id, connection_id, order_id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id),
    constraint recipient_dies_in_time check (dies_on <= (least(shipped_at, fetched_at) at time zone 'UTC' + interval '30 days')::date)
);
select guard.protect('pii.recipient');
create index recipient_dies_on on pii.recipient (dies_on);

-- Shops that hold a recipient who has to go: past their day, or of a feature that is off. A reviewed bypass that names work, never data.
create function guard.due_recipients(present date, most int) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.tenant_id from pii.recipient r
    where r.dies_on <= present
       or not exists (select from public.vault_consent c
                      where c.tenant_id = r.tenant_id and c.connection_id = r.connection_id and c.withdrawn_at is null)
    group by r.tenant_id order by min(r.dies_on) limit least(most, 1000)
$$;
revoke all on function guard.due_recipients(date, int) from public;

-- How many recipients are held of the shop in scope, since when, and the last day of any: what a shop's own page of its data tells.
create function guard.recipients_of_shop() returns table (held bigint, since timestamptz, until date)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*), min(r.fetched_at), max(r.dies_on) from pii.recipient r where r.tenant_id = guard.ticket_tenant()
$$;
revoke all on function guard.recipients_of_shop() from public;

-- Features that are on, and whether their connection has ended: a reviewed bypass that answers ids only.
create function guard.open_consents(most int) returns table (tenant_id uuid, connection_id uuid, given_at timestamptz, ended boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.tenant_id, c.connection_id, c.given_at,
           exists (select from public.connections_disconnection d where d.tenant_id = c.tenant_id and d.connection_id = c.connection_id)
    from public.vault_consent c where c.withdrawn_at is null order by c.given_at limit least(most, 10000)
$$;
revoke all on function guard.open_consents(int) from public;

-- A backup's moment, and what a restore is compared by, cover this schema too. Only the schema's owner may replace what another role owns.
drop function guard.hold_writers();
create function guard.hold_writers() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    found regclass;
begin
    for found in
        select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'guard', 'pii') and c.relkind in ('r', 'p') and not c.relispartition
        order by c.oid
    loop
        execute format('lock table %s in share mode', found);
    end loop;
end
$$;
revoke all on function guard.hold_writers() from public;

drop function guard.fingerprint(text, text);
create function guard.fingerprint(wanted_schema text, wanted_table text, out found_rows bigint, out found_total numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD' set intervalstyle = 'iso_8601' set bytea_output = 'hex' set extra_float_digits = 1
as $$
begin
    if wanted_schema not in ('public', 'guard', 'pii') then
        raise insufficient_privilege using message = 'only tables of TheSeller have a fingerprint';
    end if;
    execute format('select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from %I.%I t', wanted_schema, wanted_table)
        into found_rows, found_total;
end
$$;
revoke all on function guard.fingerprint(text, text) from public;
