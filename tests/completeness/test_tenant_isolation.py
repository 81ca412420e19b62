"""Every tenant table × every verb × every wrong scope, as the application's own roles.

Nothing is seen, nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from tests.cast import Cast
from tests.database import role_dsn, test_server
from tests.tenant_rows import seed_every_table

from theseller.crypto.hmac_and_tenant_ticket import DatabaseSession, tenant_ticket
from theseller.datamap.table_registry import descriptors
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import read_session

KEY = Secret("one-key-for-all-databases-of-this-test-session")
ROLES = ("web", "auth", "operator", "worker", "retention", "pii")
VERBS = ("select", "select_all", "insert", "update", "delete", "delete_all")
Connection = psycopg.Connection[tuple[object, ...]]


def _ticket(
    tenant: UUID,
    connection: Connection,
    *,
    key: Secret = KEY,
    pid: int | None = None,
    started: int | None = None,
    minutes: int = 10,
) -> str:
    session = read_session(connection)
    other = DatabaseSession(
        session.pid if pid is None else pid, session.started if started is None else started
    )
    until = datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: TID251
    return tenant_ticket(key, tenant, other, until)


def _set(connection: Connection, *, ticket: str, tenant: UUID | None = None) -> None:
    """Set the ticket, and the setting that named a tenant in an earlier version.

    The setting must have no effect.
    """
    connection.execute(
        "select set_config('theseller.ticket', %s, true), set_config('theseller.tenant', %s, true)",
        [ticket, str(tenant or "")],
    )


#: Every wrong way in: what it sets, given a connection, the tenant that is attacked and the
#: attacker's own.
SCOPES: dict[str, Callable[[Connection, UUID, UUID], None]] = {
    "none": lambda _connection, _victim, _own: None,
    "emptied": lambda connection, _victim, _own: _set(connection, ticket=""),
    "another": lambda connection, _victim, own: _set(
        connection, tenant=own, ticket=_ticket(own, connection)
    ),
    "setting alone": lambda connection, victim, _own: _set(connection, tenant=victim, ticket=""),
    "other's ticket": lambda connection, victim, own: _set(
        connection, tenant=victim, ticket=_ticket(own, connection)
    ),
    "forged": lambda connection, victim, _own: _set(
        connection,
        tenant=victim,
        ticket=_ticket(victim, connection, key=Secret("a guess at the key of this deployment")),
    ),
    "another connection's": lambda connection, victim, _own: _set(
        connection,
        tenant=victim,
        ticket=_ticket(victim, connection, pid=connection.info.backend_pid + 1),
    ),
    "an earlier connection's with this process id": lambda connection, victim, _own: _set(
        connection,
        tenant=victim,
        ticket=_ticket(victim, connection, started=read_session(connection).started - 1),
    ),
    "out of date": lambda connection, victim, _own: _set(
        connection, tenant=victim, ticket=_ticket(victim, connection, minutes=-1)
    ),
    "garbage": lambda connection, victim, _own: _set(
        connection, tenant=victim, ticket="' or 1=1 --"
    ),
}


@pytest.fixture(scope="module")
def victim(database: str) -> tuple[Cast, dict[str, str]]:
    """Return the cast, and for each table an insert that would add a row of Alice's."""
    from tests.cast import create_cast

    cast = create_cast()
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        return cast, seed_every_table(superuser, cast.alices_shop, cast.alice.id)


@pytest.fixture(params=ROLES)
def connection(request: pytest.FixtureRequest, database: str) -> Iterator[Connection]:
    with psycopg.connect(role_dsn(request.param, database)) as opened:
        yield opened


def _tables() -> dict[str, str]:
    return {
        descriptor.table: descriptor.tenant_column
        for descriptor in descriptors()
        if descriptor.tenant_column
    }


def _attack(verb: str, table: str, column: str, tenant: UUID, insert: str) -> str:
    mine = f"{column} = '{tenant}'"
    table = table if "." in table else f"public.{table}"
    return {
        "select": f"select count(*) from {table} where {mine}",
        "select_all": f"select count(*) filter (where {mine}) from {table}",
        "insert": insert,
        "update": f"update {table} set {column} = {column} where {mine}",
        "delete": f"delete from {table} where {mine}",
        "delete_all": f"delete from {table}",
    }[verb]


def _fingerprints(database: str, tenant: UUID) -> dict[str, object]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return {
            table: (
                superuser.execute(
                    f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table}"
                    f" t where {column} = %s",
                    [tenant],
                ).fetchone()
            )
            for table, column in _tables().items()
        }


@pytest.mark.parametrize("scope", SCOPES)
def test_a_wrong_scope_sees_nothing_and_changes_nothing(
    scope: str, connection: Connection, victim: tuple[Cast, dict[str, str]], database: str
) -> None:
    cast, inserts = victim
    before = _fingerprints(database, cast.alices_shop)
    tried = 0
    for table, column in _tables().items():
        for verb in VERBS:
            try:
                with connection.transaction():
                    SCOPES[scope](connection, cast.alices_shop, cast.charlies_shop)
                    cursor = connection.execute(
                        _attack(verb, table, column, cast.alices_shop, inserts[table])
                    )
                    touched = (
                        cursor.fetchone()
                        if verb.startswith("select")
                        else (cursor.rowcount if verb != "delete_all" else 0,)
                    )
                    assert touched == (0,), (
                        f"{verb} on {table} with scope {scope!r} reached another tenant's rows"
                    )
                    raise psycopg.Rollback
            except psycopg.Error as refusal:
                # In their own scope "delete all" means their own shop, which their own people hold
                # on to; `delete` names the other's row.
                own_scope = scope in {"another", "other's ticket"}
                if (
                    own_scope
                    and (verb, table) == ("delete_all", "tenancy_tenant")
                    and isinstance(refusal, psycopg.errors.ForeignKeyViolation)
                ):
                    assert str(cast.alices_shop) not in str(refusal)
                    tried += 1
                    continue
                assert isinstance(refusal, psycopg.errors.InsufficientPrivilege), refusal
            tried += 1
    assert tried == len(_tables()) * len(VERBS)
    assert _fingerprints(database, cast.alices_shop) == before


def test_every_table_of_the_database_is_in_the_data_map(database: str) -> None:
    from theseller.datamap.table_registry import differences

    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        catalogue = superuser.execute(
            "select case n.nspname when 'public' then relname else n.nspname || '.' || relname end"
            " from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in"
            " ('public', 'pii') and relkind in ('r', 'p')"
        ).fetchall()
    assert not differences(str(row[0]) for row in catalogue)


def test_every_table_with_a_tenant_is_protected_down_to_its_last_partition(database: str) -> None:
    """Check forced row security, both policies, keys that begin with the tenant, and grants.

    The tenant is first in every unique index and foreign key; partitions have no grants.
    """
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        tables = superuser.execute(
            "select c.oid, c.relname, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,"
            " array(select p.polname::text || case when p.polpermissive then '' else ' restrictive'"
            " end from pg_policy p  where p.polrelid = c.oid order by 1) from pg_class c join"
            " pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
            " where n.nspname in ('public', 'pii') and c.relkind in ('r', 'p') and a.attname ="
            " 'tenant_id' and not a.attisdropped and c.relname <> 'audit_event'"
        ).fetchall()
        assert len(tables) > 100
        for oid, name, is_partition, enabled, forced, policies in tables:
            assert (enabled, forced, policies) == (
                True,
                True,
                ["tenant", "ticket restrictive"],
            ), name
            _tenant_leads_every_key(superuser, oid, str(name))
            if is_partition:
                grants = superuser.execute(
                    "select count(*) from information_schema.role_table_grants where table_name ="
                    " %s and grantee like 'theseller\\_%%' and grantee <> 'theseller_owner'",
                    [name],
                ).fetchone()
                assert grants == (0,), f"partition {name} has grants of its own"


def _tenant_leads_every_key(superuser: Connection, oid: object, name: str) -> None:
    leading = superuser.execute(
        "select i.indexrelid::regclass::text, a.attname from pg_index i join pg_attribute a on"
        " a.attrelid = i.indrelid and a.attnum = i.indkey[0] where i.indrelid = %s and"
        " i.indisunique",
        [oid],
    ).fetchall()
    assert leading, f"{name} has no key"
    assert all(column == "tenant_id" for _, column in leading), (name, leading)
    foreign = superuser.execute(
        "select conname, confrelid::regclass::text, (select attname from pg_attribute where"
        " attrelid = conrelid and attnum = conkey[1]) from pg_constraint where conrelid = %s and"
        " contype = 'f'",
        [oid],
    ).fetchall()
    # People belong to no tenant: a reference to one is the only key that can't begin with the
    # tenant.
    assert all(
        column == "tenant_id" for _, target, column in foreign if target != "accounts_user"
    ), (name, foreign)


def test_own_tenant_ticket_reads_a_row_of_every_readable_table(
    victim: tuple[Cast, dict[str, str]], database: str
) -> None:
    """Show with Alice's own ticket that each readable table has her row.

    The matrix would prove nothing if no one could see anything.
    """
    cast, _ = victim
    seen = 0
    with psycopg.connect(role_dsn("worker", database)) as worker:
        for table, column in _tables().items():
            try:
                with worker.transaction():
                    _set(worker, tenant=cast.alices_shop, ticket=_ticket(cast.alices_shop, worker))
                    row = worker.execute(
                        f"select count(*) from {table} where {column} = %s", [cast.alices_shop]
                    ).fetchone()
                    assert row is not None
                    assert int(str(row[0])) >= 1, table
                    seen += 1
            except psycopg.errors.InsufficientPrivilege:
                continue  # a table that the worker has no business with
    assert seen >= 12
