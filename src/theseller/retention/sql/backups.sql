-- Backups and drills: what was taken, what was proven, when its key was destroyed. Ids, sizes and dates; nobody's data.
-- That a backup can still be read is the key store's to say, not this table's.

create table retention_backup (
    id               uuid primary key,
    key_id           uuid not null unique,
    target           text not null check (length(target) between 1 and 400),
    begun_at         timestamptz not null,
    finished_at      timestamptz,
    bytes            bigint,
    first_segment    text,
    last_segment     text,
    failed           text check (length(failed) <= 200),
    key_destroyed_at timestamptz
);

create table retention_drill (
    id           uuid primary key,
    backup_id    uuid not null references retention_backup (id),
    begun_at     timestamptz not null,
    finished_at  timestamptz not null,
    passed       boolean not null,
    report       jsonb not null
);
create index retention_drill_backup on retention_drill (backup_id, finished_at desc);

-- Hold every writer for the rest of the caller's transaction: the instant in which a backup's moment is marked. A reviewed bypass of
-- grants, not of row security: it reads nothing. Only the backup role may call it.
create function guard.hold_writers() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    found regclass;
begin
    for found in
        select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'guard') and c.relkind in ('r', 'p') and not c.relispartition
        order by c.oid
    loop
        execute format('lock table %s in share mode', found);
    end loop;
end
$$;
revoke all on function guard.hold_writers() from public;

-- How many rows a table holds and the sum of a hash over their texts: what a restore is compared by. It tells nothing else of them. The
-- settings fix how a value is written; without them the same row would have another text in another session.
create function guard.fingerprint(wanted_schema text, wanted_table text, out found_rows bigint, out found_total numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD' set intervalstyle = 'iso_8601' set bytea_output = 'hex' set extra_float_digits = 1
as $$
begin
    if wanted_schema not in ('public', 'guard') then
        raise insufficient_privilege using message = 'only tables of TheSeller have a fingerprint';
    end if;
    execute format('select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from %I.%I t', wanted_schema, wanted_table)
        into found_rows, found_total;
end
$$;
revoke all on function guard.fingerprint(text, text) from public;
