-- The guard: which tenant this transaction may see, proven by a ticket that only the application's key can sign.
--
-- A plain setting does not survive SQL injection: whoever can run SQL can set it. So each transaction also carries a
-- ticket `uuid|backend pid|unix seconds|hex hmac-sha256`, and a second, restrictive policy compares every row with the
-- tenant that the ticket proves. The key lives in a table that no login role can read.

create schema guard;
revoke all on schema guard from public;

create table guard.ticket_key (
    id           uuid primary key,
    inner_block  bytea not null check (octet_length(inner_block) = 64),  -- the key xor ipad (RFC 2104)
    outer_block  bytea not null check (octet_length(outer_block) = 64),  -- the key xor opad
    created_at   timestamptz not null
);
revoke all on guard.ticket_key from public;

-- Answers the tenant that this transaction's ticket proves. Raises when the ticket is missing, forged, out of date, or
-- was signed for another connection; never answers null. Two keys may be live while one is being rotated.
create function guard.ticket_tenant() returns uuid
language plpgsql stable security definer cost 100
set search_path = pg_catalog, pg_temp
as $$
declare
    ticket text := current_setting('theseller.ticket', true);
    claim  text;
    given  bytea;
begin
    if ticket is null or ticket = '' then
        raise insufficient_privilege using message = 'no tenant scope is open';
    end if;
    if ticket !~ '^[0-9a-f-]{36}\|[0-9]{1,10}\|[0-9]{1,12}\|[0-9a-f]{64}$' then
        raise insufficient_privilege using message = 'the tenant ticket is malformed';
    end if;
    claim := substring(ticket from '^(.*)\|[0-9a-f]{64}$');
    given := decode(right(ticket, 64), 'hex');
    if not exists (
        select from guard.ticket_key k
        where sha256(k.outer_block || sha256(k.inner_block || convert_to(claim, 'UTF8'))) = given
    ) then
        raise insufficient_privilege using message = 'the tenant ticket is forged';
    end if;
    if split_part(claim, '|', 2)::bigint <> pg_backend_pid() then
        raise insufficient_privilege using message = 'the tenant ticket belongs to another connection';
    end if;
    if to_timestamp(split_part(claim, '|', 3)::bigint) < clock_timestamp() then
        raise insufficient_privilege using message = 'the tenant ticket is out of date';
    end if;
    return split_part(claim, '|', 1)::uuid;
end
$$;

-- Puts row security on one table: forced, so that not even its owner is exempt. Two policies, both one plain equality:
-- the first is provable by a prover and readable by the planner, the second can't be talked into another tenant.
create function guard.protect(target regclass, tenant_column text default 'tenant_id') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %1$s using (%2$I = current_setting(''theseller.tenant'', true)::uuid)'
        ' with check (%2$I = current_setting(''theseller.tenant'', true)::uuid)', target, tenant_column);
    execute format(
        'create policy ticket on %1$s as restrictive using (%2$I = guard.ticket_tenant()) with check (%2$I = guard.ticket_tenant())',
        target, tenant_column);
end
$$;
revoke all on function guard.protect(regclass, text) from public;

-- Splits a fact table by tenant, so that one machine's layout is a cluster's layout; `guard.ensure_months` then splits each
-- part by month, so that a month's erasure is a drop and a tenant's touches one part in four.
create function guard.split_by_tenant(parent regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    part int;
    name text := (select relname from pg_class where oid = parent);
    leaf text;
begin
    for part in 0..3 loop
        leaf := format('%s_t%s', name, part);
        execute format(
            'create table public.%I partition of public.%I for values with (modulus 4, remainder %s) partition by range (local_day)',
            leaf, name, part);
        perform guard.protect(('public.' || quote_ident(leaf))::regclass);
    end loop;
end
$$;
revoke all on function guard.split_by_tenant(regclass) from public;

-- Makes the monthly partitions of every split fact table from `first_day`'s month to `last_day`'s, those that are missing.
-- Called with the owner's rights because the application may not create tables; it can only ask for months.
create function guard.ensure_months(first_day date, last_day date) returns int
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    parent record;
    month  date := date_trunc('month', first_day)::date;
    leaf   text;
    made   int := 0;
begin
    if last_day - first_day > 4000 then
        raise invalid_parameter_value using message = 'more than ten years of months asked for';
    end if;
    while month <= last_day loop
        for parent in
            select c.oid, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relkind = 'p' and c.relispartition and c.relname ~ '_t[0-3]$'
            order by c.relname
        loop
            leaf := format('%s_%s', parent.relname, to_char(month, 'YYYYMM'));
            if to_regclass('public.' || quote_ident(leaf)) is null then
                execute format('create table public.%I partition of public.%I for values from (%L) to (%L)',
                    leaf, parent.relname, month, (month + interval '1 month')::date);
                perform guard.protect(('public.' || quote_ident(leaf))::regclass);
                made := made + 1;
            end if;
        end loop;
        month := (month + interval '1 month')::date;
    end loop;
    return made;
end
$$;
revoke all on function guard.ensure_months(date, date) from public;

create table tenancy_tenant (
    id          uuid primary key,
    name        text not null check (length(name) between 1 and 200),
    created_at  timestamptz not null
);
select guard.protect('tenancy_tenant', 'id');
