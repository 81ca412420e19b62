-- The hosts that run processes of this deployment. Each process writes its host's row every few seconds; `config.reap` deletes rows that
-- no process has written for an hour.

create table tenancy_host (
    id           uuid not null,  -- of the host's state folder
    process      text not null check (process in ('web', 'worker')),
    name         text not null check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    version      text not null check (length(version) between 1 and 64),
    -- A short hash of each setting that all hosts must have alike.
    settings     jsonb not null check (pg_column_size(settings) < 8192),
    -- From where the host reaches the database; null on a Unix socket.
    reached_from inet default inet_client_addr(),
    -- How many seconds its clock is ahead of the database's; negative if behind.
    clock_ahead  double precision not null,
    disk_free    bigint not null check (disk_free >= 0),
    disk_size    bigint not null check (disk_size >= disk_free),
    started_at   timestamptz not null default now(),
    seen_at      timestamptz not null default now(),
    primary key (id, process)
);

-- Controls depend on which hosts run a worker: SQL that is injected into a page must not add or remove one.
create function guard.check_host() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_user = 'theseller_web' and 'worker' in (old.process, new.process) then
        raise insufficient_privilege using message = 'the web writes rows of web processes only';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
$$;
revoke all on function guard.check_host() from public;
create trigger checked before insert or update or delete on tenancy_host for each row execute function guard.check_host();
