"""`sql/rights.txt` is what a new database has, and the comparison finds every difference.

With THESELLER_WRITE_DOCS=1 this test writes it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import _migrate_in
from tests.database import (
    PASSWORDS,
    create_database,
    drop_database,
    prepared_template,
    role_dsn,
    roles_lock,
    test_server,
    worker_name,
)

import theseller.postgres
from theseller.postgres.privilege_comparison import (
    Difference,
    compare,
    expected_rights,
    read_rights,
)
from theseller.postgres.role_setup import ensure_roles

_FILE = Path(theseller.postgres.__file__).parent / "sql" / "rights.txt"
#: The newest PostgreSQL, on which every right of the file exists.
_WRITTEN_ON = 180_000
_HEAD = """\
# Who may do what in a database of TheSeller. \
Written by a test from a new database, never by hand:
# THESELLER_WRITE_DOCS=1 pytest tests/integration/postgres/test_privilege_comparison.py
# The control cred-least-privilege compares the live database with it: \
not a line more, not a line less.
"""


@pytest.fixture(scope="module")
def fresh() -> Iterator[str]:
    """A database as `theseller migrate` makes it, which no other test touches."""
    name = f"rights_{worker_name()}"
    drop_database(name)
    create_database(name, template=prepared_template("migrated", _migrate_in))
    yield name
    drop_database(name)


@contextmanager
def _superuser(name: str) -> Iterator[psycopg.Cursor[Any]]:
    """Change what you like: it is rolled back."""
    with (
        roles_lock(),
        psycopg.connect(test_server().superuser_dsn(name)) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor
        connection.rollback()


def test_rights_file_equals_the_rights_of_a_new_database(fresh: str) -> None:
    with roles_lock():  # An interrupted test may have left a role changed.
        ensure_roles(test_server().superuser_dsn(), PASSWORDS)
    with _superuser(fresh) as cursor:
        found = read_rights(cursor)
        version = cursor.connection.info.server_version
    whole = version >= _WRITTEN_ON
    if os.environ.get("THESELLER_WRITE_DOCS"):
        assert whole, (
            "write the file on the newest PostgreSQL that is supported: older ones lack some rights"
        )
        _FILE.write_text(_HEAD + "\n".join(found) + "\n")
    expected = expected_rights(server_version=version)
    assert compare(found, expected) == Difference((), ()), (
        f"if that is meant: {_HEAD.splitlines()[1].removeprefix('# ')}"
    )
    if whole:
        assert _FILE.read_text() == _HEAD + "\n".join(found) + "\n"


def test_an_external_server_has_no_backup_role_that_signs_in(fresh: str) -> None:
    """Run `migrate` on an external server.

    The role that copies the embedded server's files can't sign in there.
    """
    server = test_server()
    with roles_lock():
        try:
            ensure_roles(
                server.superuser_dsn(),
                {n: p for n, p in PASSWORDS.items() if n != "backup"},
                database=fresh,
                external=True,
            )
            with (
                psycopg.connect(server.superuser_dsn(fresh)) as connection,
                connection.cursor() as cursor,
            ):
                expected = expected_rights(
                    server_version=connection.info.server_version, external=True
                )
                assert compare(read_rights(cursor), expected) == Difference((), ())
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(role_dsn("backup", "postgres")).close()
        finally:
            ensure_roles(server.superuser_dsn(), PASSWORDS)


def test_every_role_reads_the_same_rights(fresh: str) -> None:
    # All within the lock of the roles: a migration elsewhere grants some for a moment.
    with _superuser(fresh) as cursor:
        found = read_rights(cursor)
        for role in ("web", "probe"):
            with psycopg.connect(role_dsn(role, fresh)) as other, other.cursor() as reader:
                assert read_rights(reader) == found


_EXTRA = {
    "grant select on accounts_user to theseller_probe": (
        "theseller_probe may select on table public.accounts_user"
    ),
    "grant select (password) on accounts_user to theseller_worker": (
        "theseller_worker may select(password) on table public.accounts_user"
    ),
    "grant select on tenancy_tenant to theseller_worker with grant option": (
        "theseller_worker may select on table public.tenancy_tenant, and pass it on"
    ),
    "grant update on sequence procrastinate_jobs_id_seq to theseller_web": (
        "theseller_web may update on sequence public.procrastinate_jobs_id_seq"
    ),
    "grant execute on function guard.protect(regclass, text) to public": (
        "public may execute on function guard.protect(target regclass, tenant_column text)"
    ),
    "create function public.f() returns int language sql as 'select 1'": (
        "public may execute on function public.f()"
    ),
    "create function public.g() returns int language sql security definer as 'select 1'": (
        "function public.g() belongs to (administrator), and acts with its rights"
    ),
    "grant create on schema guard to theseller_web": "theseller_web may create on schema guard",
    "create schema other; grant usage on schema other to public": (
        "public may usage on schema other"
    ),
    "grant select on pg_authid to theseller_web": (
        "theseller_web may select on table pg_catalog.pg_authid"
    ),
    "grant execute on function pg_read_file(text) to public": (
        "public may execute on function pg_catalog.pg_read_file(text)"
    ),
    "grant temporary on database {database} to public": (
        "public may temporary on database (this one)"
    ),
    "alter default privileges for role theseller_owner in schema public grant select on tables to"
    " theseller_probe": (
        "theseller_probe will be allowed to select on every new table of theseller_owner in schema"
        " public"
    ),
    "alter default privileges for role theseller_owner grant execute on functions to"
    " theseller_web": (
        "theseller_web will be allowed to execute on every new function of theseller_owner"
    ),
    "alter role theseller_web superuser": "role theseller_web: may sign in, superuser",
    "alter role theseller_backup valid until '2030-01-01'": (
        "role theseller_backup: may sign in, replicates, at most 4 connections, its password ends"
        " on a day"
    ),
    "create role sabotage login": (
        "role sabotage: may sign in, has the rights of the roles it is in"
    ),
    "grant pg_read_all_data to theseller_worker": (
        "role theseller_worker may become pg_read_all_data"
    ),
    "grant theseller_worker to theseller_web with admin option": (
        "role theseller_web may become theseller_worker, and let others"
    ),
    "alter role theseller_web set statement_timeout = 0": (
        "role theseller_web begins with statement_timeout=0"
    ),
    "alter database {database} set row_security = off": "everybody begins with row_security=off",
    "alter table ingest_product owner to theseller_web": (
        "table public.ingest_product belongs to theseller_web"
    ),
    "grant select on ingest_order_line_t1 to theseller_probe": (
        "theseller_probe may select on table public.ingest_order_line_t1"
    ),
    "alter table ingest_order_line_t1 owner to theseller_migrate": (
        "table public.ingest_order_line_t1 belongs to theseller_migrate"
    ),
    "grant set on parameter log_statement to theseller_web": (
        "theseller_web may set on server setting log_statement"
    ),
}


_MISSING = {
    "revoke select on tenancy_tenant from theseller_worker": (
        "theseller_worker may select on table public.tenancy_tenant"
    ),
    "alter role theseller_probe connection limit -1": (
        "role theseller_probe: may sign in, row security does not bind it, at most 8 connections"
    ),
    "revoke theseller_owner from theseller_migrate": (
        "role theseller_migrate may become theseller_owner"
    ),
    "alter role theseller_web reset lock_timeout": (
        "role theseller_web begins with lock_timeout=5s"
    ),
    "revoke update (sealed) on connections_refresh_token from theseller_worker": (
        "theseller_worker may update(sealed) on table public.connections_refresh_token"
    ),
}


def test_every_additional_and_missing_right_is_found(fresh: str) -> None:
    """Check all changes of rights together: each of them is a line of the difference.

    That each is found by itself is for `test_additional_rights_are_found` and
    `test_missing_rights_are_found`, which take long.
    """
    with _superuser(fresh) as cursor:
        before = read_rights(cursor)
        for change in (*_MISSING, *_EXTRA):
            cursor.execute(change.format(database=fresh))
        found = compare(read_rights(cursor), before)
    assert set(_EXTRA.values()) - set(found.extra) == set()
    assert set(_MISSING.values()) - set(found.missing) == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", _EXTRA, ids=lambda change: str(change)[:60])
def test_additional_rights_are_found(fresh: str, change: str) -> None:
    with _superuser(fresh) as cursor:
        before = read_rights(cursor)
        cursor.execute(change.format(database=fresh))
        assert _EXTRA[change] in compare(read_rights(cursor), before).extra


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", _MISSING, ids=lambda change: str(change)[:60])
def test_missing_rights_are_found(fresh: str, change: str) -> None:
    with _superuser(fresh) as cursor:
        before = read_rights(cursor)
        cursor.execute(change)
        assert _MISSING[change] in compare(read_rights(cursor), before).missing


def test_rights_of_a_declared_administrator_are_not_reported(fresh: str) -> None:
    with _superuser(fresh) as cursor:
        before = read_rights(cursor)
        cursor.execute(
            "create role hosting login createrole in role theseller_web; grant select on"
            " accounts_user to hosting"
        )
        assert len(compare(read_rights(cursor), before).extra) == 3
        assert not compare(read_rights(cursor, administrators=["hosting"]), before)
        for name in ("theseller_web", "a,b", ""):
            with pytest.raises(ValueError, match="administrator"):
                read_rights(cursor, administrators=[name])
