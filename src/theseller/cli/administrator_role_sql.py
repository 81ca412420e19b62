"""SQL that gives TheSeller an administrator of its own on a server.

For those who must not pass on the password of the server's administrator. The role may make roles
and databases, and from PostgreSQL 16 on it may change only the roles that it made itself.
"""

from __future__ import annotations

from theseller.cli.external_postgres_inspection import VERSION_MIN_WITHOUT_SUPERUSER

#: The usual name. It must not begin with `theseller_`, as the roles that are compared do.
ADMINISTRATOR = "administrator_of_theseller"


def administrator_sql(name: str) -> str:
    """Return the SQL that makes the role `name`, also if run again.

    `name` consists of lower-case letters, digits and underscores.
    """
    return f"""\
-- Run this as the administrator of the server, in any database. PostgreSQL {_OLDEST} or newer.
-- It makes one role that may make roles and databases. It can change no role but those that it
-- makes, read no other database and become no superuser. Run again, it changes nothing.
do $$
begin
    if not exists (select from pg_roles where rolname = '{name}') then
        create role {name};
    end if;
end
$$;
alter role {name} login createrole createdb connection limit 5;
-- Then give it a password: in psql by \\password {name}
-- For `theseller setup` or `theseller migrate`:
--   THESELLER_ADMIN_URL='postgresql://{name}@HOST/postgres?sslmode=verify-full'
-- with the password in PGPASSWORD. It need not sign in between upgrades:
--   alter role {name} nologin;"""


_OLDEST = VERSION_MIN_WITHOUT_SUPERUSER // 10_000
