"""A database of every release, upgraded, is what a new one is.

Its rows, certificates and audit log survive.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.conftest import _migrate_in
from tests.database import (
    create_database,
    drop_database,
    prepared_template,
    roles_lock,
    test_server,
    worker_name,
)
from tests.sabotage.databases import own_database
from tests.upgrades.catalogue import schema_of
from tests.upgrades.compatibility import Schema, contracts, read_schema
from tests.upgrades.frozen import freeze
from tests.upgrades.numbered import new_migrations, numbered
from tests.upgrades.old_erasures import (
    OldErasures,
    add_old_erasures,
    assert_moved,
    has_five_tables,
)
from tests.upgrades.recording import RELEASES, fill, record, restore, seal

from theseller.audit import signed_checkpoint_document
from theseller.audit.log_line_digests import COLUMNS, line_of, unpack
from theseller.audit.types import NOWHERE
from theseller.erasure.certificate_format import assemble
from theseller.erasure.certificate_verification import verify_certificate

RECORDED = sorted(path.name.removesuffix(".sql.zst") for path in RELEASES.glob("*.sql.zst"))
#: Tables whose rows a migration may replace, each with its reason.
MAY_CHANGE = {
    "django_migrations": "an upgrade adds to it",
    "guard.deployment": "the new program's own mark",
}


@pytest.fixture
def upgraded(
    database: str, request: pytest.FixtureRequest
) -> Iterator[tuple[dict[str, list[str]], OldErasures, Schema | None, str]]:
    """Return rows before, rows of old tables of erasures, schema before, and the database's name.

    The schema is read of the last numbered release only.
    """
    name = f"upgraded_{worker_name()}"
    drop_database(name)
    create_database(name)
    restore(request.param, name)
    with psycopg.connect(test_server().superuser_dsn(name)) as connection:
        last = request.param == numbered()[-1].record
        schema = read_schema(connection) if last else None
        erasures = add_old_erasures(connection) if has_five_tables(connection) else {}
    before = _rows(name)
    with roles_lock():
        _migrate_in(name)
    yield before, erasures, schema, name
    drop_database(name)


@pytest.mark.parametrize("upgraded", RECORDED, indirect=True)
def test_an_upgraded_database_is_as_a_new_one_and_keeps_its_rows(
    upgraded: tuple[dict[str, list[str]], OldErasures, Schema | None, str],
) -> None:
    before, erasures, schema, name = upgraded
    fresh = f"fresh_{worker_name()}"
    drop_database(fresh)
    create_database(fresh, template=prepared_template("migrated", _migrate_in))
    new, old = (
        schema_of(test_server().superuser_dsn(fresh)),
        schema_of(test_server().superuser_dsn(name)),
    )
    drop_database(fresh)
    assert sorted(old - new) == [], "only in the upgraded database"
    assert sorted(new - old) == [], "missing in the upgraded database"

    after = _rows(name)
    lost = {
        table: (len(rows), len(after.get(table, [])))
        for table, rows in before.items()
        if len(after.get(table, [])) < len(rows) and table not in {*MAY_CHANGE, *erasures}
    }
    assert lost == {}
    assert before["audit_event"], "the recorded database has no audit log"
    assert after["audit_event"][: len(before["audit_event"])] == before["audit_event"]
    with psycopg.connect(test_server().superuser_dsn(name)) as connection:
        _assert_sealed_as_before(connection)
        if erasures:
            assert_moved(connection, erasures)
        certificates = connection.execute(
            "select body, signature, public_key from erasure_certificate where kind = 'connection'"
        ).fetchall()
        if schema is not None:
            _assert_the_release_before_can_run(schema, read_schema(connection))
    assert certificates, "the recorded database has no certificate"
    for body, signature, public_key in certificates:
        verify_certificate(
            assemble(json.loads(bytes(body)), bytes(public_key).hex(), bytes(signature))
        )


def _assert_the_release_before_can_run(before: Schema, after: Schema) -> None:
    """Compare what the last recorded release relies on; only marked contracts may take it away."""
    found = contracts(before, after)
    marked = {
        what for _, migration in new_migrations() for what in getattr(migration, "contract", {})
    }
    assert {what: why for what, why in found.items() if what not in marked} == {}, (
        "the release before uses this: add first, take away one release later, and mark it"
        " (docs/develop/migrations.md, Expand and contract)"
    )
    assert marked - set(found) == set(), "marked as a contract, and still there"


def test_every_release_is_recorded() -> None:
    assert RECORDED, "there is no recorded release: see docs/develop/migrations.md"


def test_release_record_for_upgrade_tests_can_be_created(database: str) -> None:
    """With THESELLER_RECORD_RELEASE=NAME it is made, and kept."""
    with own_database("recorded") as name:
        fill()
        seal(name)
        rows = _rows(name)
        assert rows["audit_event"]
        with psycopg.connect(test_server().superuser_dsn(name)) as connection:
            _assert_sealed_as_before(connection)
        assert rows["erasure_certificate"]
        if "THESELLER_RECORD_RELEASE" in os.environ:
            freeze()
            record(os.environ["THESELLER_RECORD_RELEASE"], name)


def _assert_sealed_as_before(connection: psycopg.Connection[Any]) -> None:
    """Compare each line that the release's own checkpoints cover with what they say of it.

    By the digests that this version makes.
    """
    sealed: dict[int, bytes] = {}
    head, rows, until = None, 0, NOWHERE
    for document, leaves in connection.execute(
        "select document, leaves from audit_checkpoint order by number"
    ).fetchall():
        found = signed_checkpoint_document.read(bytes(document))
        assert (
            signed_checkpoint_document.follows(
                found, head, bytes(leaves), rows_before=rows, until_before=until
            )
            == ""
        )
        head, rows, until = found, found.rows_total, found.until
        sealed |= dict(unpack(bytes(leaves)))
    assert sealed, "no checkpoint of the release covers a line"
    lines = [
        line_of(row)
        for row in connection.execute(f"select {COLUMNS} from audit_event".encode()).fetchall()
    ]
    assert {line.position: line.digest for line in lines if line.mark <= until} == sealed


def _rows(name: str) -> dict[str, list[str]]:
    """Return the primary columns of every row as text, in the order of time where there is one."""
    with psycopg.connect(test_server().superuser_dsn(name)) as connection:
        tables = connection.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid ="
            " c.relnamespace where c.relkind in ('r', 'p') and not c.relispartition and n.nspname"
            " in ('public', 'guard', 'pii')"
        ).fetchall()
        found = {}
        for schema, table in tables:
            key = table if schema == "public" else f"{schema}.{table}"
            columns = sql.SQL(
                "txid, position, at, tag, actor, tenant_id, subject, details"
                if table == "audit_event"
                else "1"
            )
            order = sql.SQL("order by txid, position" if table == "audit_event" else "")
            query = sql.SQL("select row({})::text from {} {}").format(
                columns, sql.Identifier(schema, table), order
            )
            found[key] = [row for (row,) in connection.execute(query).fetchall()]
    return found
