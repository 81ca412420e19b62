-- The roles of TheSeller. Run as superuser at each start; says the same thing however often it is run.
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

-- Each attribute is written out, so that a role that was widened by hand is narrowed again.
alter role theseller_owner     nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit;
alter role theseller_migrate   login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit connection limit 4;
alter role theseller_web       login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit;
alter role theseller_worker    login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit;
alter role theseller_retention login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit connection limit 8;
-- The probe reads across tenants to prove that nothing is where it must not be; its grants let it add evidence and change nothing.
alter role theseller_probe     login   nosuperuser nocreatedb nocreaterole noreplication bypassrls   noinherit connection limit 8;
-- The backup role copies the data's files over the replication protocol. Of tables it learns counts and hashes, by two functions.
alter role theseller_backup    login   nosuperuser nocreatedb nocreaterole replication   nobypassrls noinherit connection limit 4;
-- The role of buyer PII has the schema pii and nothing else: no table of facts; and no other role can read its tables.
alter role theseller_pii       login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit;
-- Accounts, sessions, second factors and rate limits: the web's process reaches them by this role only.
alter role theseller_auth      login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit;
-- What operators see across tenants: the web's process takes this role in the operator's area only.
alter role theseller_operator  login   nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit;

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
