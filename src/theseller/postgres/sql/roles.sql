-- The roles of TheSeller. Run at each start by a superuser, or by an administrator who is none (CREATEROLE and CREATEDB, from PostgreSQL 17
-- on; decision 0023); says the same thing however often it is run.
-- Passwords are set beside this file, by roles.py, as scram verifiers. What a role may do to a table is in grants.sql.

do $$
declare
    wanted text;
begin
    foreach wanted in array array[
        'theseller_owner', 'theseller_migrate', 'theseller_web', 'theseller_worker',
        'theseller_retention', 'theseller_probe', 'theseller_backup', 'theseller_pii',
        'theseller_auth', 'theseller_operator'
    ] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I', wanted);
        end if;
    end loop;
end
$$;

-- A role may change settings of its own, and they outlast its sessions: everything that is not written below is taken back.
do $$
declare
    found record;
begin
    for found in
        select r.rolname, d.datname from pg_db_role_setting s join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
        where r.rolname like 'theseller\_%' and r.rolname <> 'theseller_super'
    loop
        if found.datname is null then
            execute format('alter role %I reset all', found.rolname);
        else
            execute format('alter role %I in database %I reset all', found.rolname, found.datname);
        end if;
    end loop;
end
$$;

-- Each attribute is written out, so that a role that was widened by hand is narrowed again. An administrator who is no superuser can neither
-- give nor take superuser, replication and BYPASSRLS: a role that has one of them is refused.
--
--   theseller_probe     reads across tenants to prove that nothing is where it must not be; its grants let it add evidence and change nothing.
--                       Without a superuser a policy of its own takes the place of BYPASSRLS (tenancy/sql/protection_without_superuser.sql).
--   theseller_backup    copies the data's files over the replication protocol. Of tables it learns counts and hashes, by two functions.
--   theseller_pii       has the schema pii and nothing else: no table of facts; and no other role can read its tables.
--   theseller_auth      accounts, sessions, second factors and rate limits: the web's process reaches them by this role only.
--   theseller_operator  what operators see across tenants: the web's process takes this role in the operator's area only.
do $$
declare
    superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
    ours record;
    only_superuser text;
begin
    for ours in
        select * from (values
            ('theseller_owner',     'nologin', 'noreplication', 'nobypassrls', -1),
            ('theseller_migrate',   'login',   'noreplication', 'nobypassrls', 4),
            ('theseller_web',       'login',   'noreplication', 'nobypassrls', -1),
            ('theseller_worker',    'login',   'noreplication', 'nobypassrls', -1),
            ('theseller_retention', 'login',   'noreplication', 'nobypassrls', 8),
            ('theseller_probe',     'login',   'noreplication', 'bypassrls',   8),
            ('theseller_backup',    'login',   'replication',   'nobypassrls', 4),
            ('theseller_pii',       'login',   'noreplication', 'nobypassrls', -1),
            ('theseller_auth',      'login',   'noreplication', 'nobypassrls', -1),
            ('theseller_operator',  'login',   'noreplication', 'nobypassrls', -1)
        ) as r (name, login, replication, bypassrls, connections)
    loop
        only_superuser := '';
        if superuser then
            only_superuser := format('nosuperuser %s %s', ours.replication, ours.bypassrls);
        elsif exists (select from pg_roles r where r.rolname = ours.name and (r.rolsuper or r.rolreplication or r.rolbypassrls)) then
            raise insufficient_privilege using
                message = format('the role %s has superuser, replication or BYPASSRLS, which only a superuser can take back', ours.name);
        end if;
        execute format('alter role %I %s nocreatedb nocreaterole noinherit connection limit %s %s',
                       ours.name, ours.login, ours.connections, only_superuser);
    end loop;
end
$$;

-- The owners of functions; no one can sign in as them. Three of them answer over all tenants. Without a superuser a policy takes the place of
-- their BYPASSRLS, as for the probe.
do $$
declare
    superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
    ours text;
begin
    foreach ours in array array['theseller_session', 'theseller_directory', 'theseller_requests', 'theseller_fingerprint'] loop
        if not exists (select from pg_roles where rolname = ours) then
            execute format('create role %I nologin', ours);
        end if;
        if superuser and ours <> 'theseller_session' then
            execute format('alter role %I bypassrls', ours);
        elsif not superuser and exists (select from pg_roles r where r.rolname = ours and (r.rolsuper or r.rolreplication or r.rolbypassrls)) then
            raise insufficient_privilege using
                message = format('the role %s has superuser, replication or BYPASSRLS, which only a superuser can take back', ours);
        end if;
    end loop;
    -- An administrator who made these roles may give itself this at any time; it acts as their owner to make the database and to grant.
    if not superuser then
        execute format('grant theseller_owner, theseller_session, theseller_directory, theseller_requests, theseller_fingerprint to %I'
                       ' with inherit true, set true', current_user);
    end if;
end
$$;

-- Migrations act as the owner, so that every table has one owner for every caller; no one logs in as the owner.
grant theseller_owner to theseller_migrate;
alter role theseller_migrate set role = 'theseller_owner';

-- A migration waits briefly for its locks rather than stopping the service behind it; its work itself may be long.
alter role theseller_migrate   set statement_timeout = '0';
alter role theseller_migrate   set lock_timeout = '10s';
alter role theseller_migrate   set idle_in_transaction_session_timeout = '5min';
alter role theseller_web       set statement_timeout = '20s';
alter role theseller_web       set lock_timeout = '5s';
alter role theseller_web       set idle_in_transaction_session_timeout = '30s';
alter role theseller_worker    set statement_timeout = '10min';
alter role theseller_worker    set lock_timeout = '30s';
alter role theseller_worker    set idle_in_transaction_session_timeout = '5min';
alter role theseller_retention set statement_timeout = '30min';
alter role theseller_retention set lock_timeout = '30s';
alter role theseller_retention set idle_in_transaction_session_timeout = '5min';
alter role theseller_probe     set statement_timeout = '60s';
alter role theseller_probe     set lock_timeout = '5s';
alter role theseller_probe     set idle_in_transaction_session_timeout = '60s';
alter role theseller_auth      set statement_timeout = '20s';
alter role theseller_auth      set lock_timeout = '5s';
alter role theseller_auth      set idle_in_transaction_session_timeout = '30s';
alter role theseller_operator  set statement_timeout = '20s';
alter role theseller_operator  set lock_timeout = '5s';
alter role theseller_operator  set idle_in_transaction_session_timeout = '30s';
alter role theseller_pii       set statement_timeout = '20s';
alter role theseller_pii       set lock_timeout = '5s';
alter role theseller_pii       set idle_in_transaction_session_timeout = '30s';

-- Nothing that a session made for itself is found before the real thing, and each session begins in UTC: `discard all`, by which a
-- connection returns to its pool, goes back to these.
do $$
declare
    one text;
begin
    foreach one in array array['theseller_migrate', 'theseller_web', 'theseller_worker', 'theseller_retention', 'theseller_probe', 'theseller_pii'] loop
        execute format('alter role %I set search_path = public, pg_temp', one);
        execute format('alter role %I set timezone = %L', one, 'UTC');
    end loop;
end
$$;

-- A host that is lost, or behind a cut network, ends no session: the server notices after 25 seconds without an answer, and ends its sessions
-- with their locks. Its own default is two hours. Unix sockets ignore it.
do $$
declare
    one text;
begin
    foreach one in array array['theseller_migrate', 'theseller_web', 'theseller_worker', 'theseller_retention', 'theseller_probe', 'theseller_pii',
                               'theseller_auth', 'theseller_operator'] loop
        execute format('alter role %I set tcp_keepalives_idle = 10', one);
        execute format('alter role %I set tcp_keepalives_interval = 5', one);
        execute format('alter role %I set tcp_keepalives_count = 3', one);
        execute format('alter role %I set tcp_user_timeout = 25000', one);
    end loop;
end
$$;
