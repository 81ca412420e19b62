"""A migration never keeps the others waiting for long, and is not half applied."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection as django_connection
from django.db import migrations
from django.db.migrations.state import ProjectState
from tests.conftest import as_role
from tests.database import test_server
from tests.sabotage.databases import own_database

from theseller.config.migration_lock_timeouts import (
    LOCK_WAIT,
    MigrationLockError,
    repeated,
    short_lock_waits,
    wait_shortly,
)
from theseller.tenancy.concurrent_indexes import CreateIndexConcurrently

Connection = psycopg.Connection[tuple[object, ...]]
_INDEXES = (
    "select c.relname::text, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid"
    " where right(c.relname, 9) = 'of_a_test' order by 1"
)


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("locks") as name:
        with psycopg.connect(test_server().superuser_dsn(name), autocommit=True) as made:
            made.execute("create table in_use (id int)")
        yield name


@pytest.fixture
def administrator(database: str) -> Iterator[Connection]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        connection.execute("set lock_timeout = '20ms'")
        yield connection


@pytest.fixture
def holder(database: str) -> Iterator[Connection]:
    """Return a session whose transaction uses the table."""
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        connection.execute("select * from in_use")
        yield connection


def test_migration_that_did_not_get_its_lock_is_tried_again(
    administrator: Connection, holder: Connection
) -> None:
    paused: list[float] = []

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 2:
            holder.rollback()

    repeated(
        lambda: administrator.execute("alter table in_use add column later text"),
        administrator, pauses=(0.5, 1.0, 2.0), sleep=sleep,
    )  # fmt: skip
    assert paused == [0.5, 1.0]


def test_migration_that_never_gets_its_lock_names_transactions_and_changes_nothing(
    administrator: Connection, holder: Connection
) -> None:
    holder.execute("set application_name = 'long-report'")
    holder.commit()
    holder.execute("select * from in_use, pg_sleep(1.1)")
    with pytest.raises(MigrationLockError, match=r"in 2 attempts.*long-report.*migrate` again"):
        repeated(
            lambda: administrator.execute("alter table in_use add column never text"),
            administrator, pauses=(0.0,), sleep=lambda _: None,
        )  # fmt: skip
    holder.rollback()
    found = administrator.execute("select to_jsonb(t) from (select * from in_use) t").fetchall()
    assert found == []
    columns = administrator.execute(
        "select attname from pg_attribute where attrelid = 'in_use'::regclass and attname = 'never'"
    ).fetchall()
    assert columns == []


def test_other_errors_are_not_repeated(administrator: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        repeated(
            lambda: administrator.execute("alter table missing add column a int"),
            administrator, pauses=(0.0,), sleep=lambda _: pytest.fail("it paused"),
        )  # fmt: skip


def test_lock_waits_are_short_for_migrations_and_grants_and_usual_afterwards(
    administrator: Connection,
) -> None:
    def waits() -> str:
        with django_connection.cursor() as cursor:
            cursor.execute("show lock_timeout")
            return str(cursor.fetchone()[0])

    before = waits()
    with short_lock_waits():
        assert waits() == LOCK_WAIT
        django_connection.close()
        assert waits() == LOCK_WAIT, "after a reconnection"
    assert waits() == before != LOCK_WAIT
    wait_shortly(administrator)
    assert administrator.execute("show lock_timeout").fetchone() == (LOCK_WAIT,)


def _build(name: str, table: str) -> None:
    class Migration(migrations.Migration):
        atomic = False
        operations = (CreateIndexConcurrently(name, table=table, definition="(tenant_id, sku)"),)

    with django_connection.schema_editor(atomic=False) as editor:
        Migration("x", "retention").apply(ProjectState(), editor)


def test_index_of_a_partitioned_table_is_built_while_others_write(
    administrator: Connection,
) -> None:
    """What a killed attempt left invalid is built again; what is valid stays."""
    month, schema = administrator.execute(
        "select min(relid)::regclass::text, 'public' from pg_partition_tree('ingest_order_line')"
        " where isleaf"
    ).fetchone() or ("", "")
    left = f"{month}_of_a_test"
    administrator.execute("create index of_a_test on only ingest_order_line (tenant_id, sku)")
    administrator.execute(f"create index {left} on {month} (tenant_id, sku)".encode())
    administrator.execute(
        "update pg_index set indisvalid = false where indexrelid = to_regclass(%s)", [left]
    )
    with as_role("migrate"), short_lock_waits():
        _build("of_a_test", f"{schema}.ingest_order_line")
        found = administrator.execute(_INDEXES).fetchall()
        assert len(found) > 8
        assert all(valid for _, valid in found), found
        _build("of_a_test", f"{schema}.ingest_order_line")  # there is nothing left to do
    assert administrator.execute(_INDEXES).fetchall() == found
