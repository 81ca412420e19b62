"""Who wrote a line, when, and whether they may: the database's own words."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, connections
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.database import role_dsn, test_server

import theseller
from theseller.audit.checkpointing import checkpoint_lock
from theseller.audit.event_types import WRITERS, Tag
from theseller.audit.log_line_digests import line_of
from theseller.audit.operations import record
from theseller.audit.types import SealingBusyError
from theseller.tenancy.tenant_scope import tenant_scope

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_audit_writer_table_equals_the_writers_in_the_code(database: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        found = set(superuser.execute("select role, tag from guard.audit_writer").fetchall())
    assert found == {(role, tag.value) for role, tags in WRITERS.items() for tag in tags}
    assert {tag for tags in WRITERS.values() for tag in tags} == set(Tag), (
        "a tag that no role may write"
    )


def test_no_service_role_can_insert_an_audit_writer(database: str) -> None:
    for role in ("web", "auth", "operator", "worker", "retention", "probe"):
        with (
            psycopg.connect(role_dsn(role, database)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(
                "insert into guard.audit_writer values ('theseller_web', 'accounts:operator:added')"
            )


@pytest.mark.parametrize("tag", sorted(set(Tag) - WRITERS["theseller_web"]))
def test_web_role_cannot_write_an_audit_tag_of_another_role(tag: Tag, cast: Cast) -> None:
    with pytest.raises(DatabaseError, match="writes no line"), tenant_scope(cast.charlies_shop):
        record(
            tag, actor=cast.charlie.actor, tenant=cast.charlies_shop, subject="access:x", at=NOON
        )


def test_web_role_can_audit_only_its_own_tenant(cast: Cast) -> None:
    for tenant in (cast.alices_shop, None):
        with pytest.raises(DatabaseError, match="in its scope"), tenant_scope(cast.charlies_shop):
            record(
                Tag.DATA_EXPORTED,
                actor=cast.alice.actor,
                tenant=tenant,
                subject="tenant:x",
                at=NOON,
            )
    with pytest.raises(DatabaseError):
        record(
            Tag.DATA_EXPORTED,
            actor=cast.alice.actor,
            tenant=cast.alices_shop,
            subject="tenant:x",
            at=NOON,
        )


def test_audit_event_records_its_database_role(cast: Cast, database: str) -> None:
    with tenant_scope(cast.charlies_shop):
        event = record(
            Tag.DATA_EXPORTED,
            actor="process:x",
            tenant=cast.charlies_shop,
            subject="tenant:x",
            at=NOON,
        )
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        assert superuser.execute(
            "select db_role from audit_event where id = %s", [event]
        ).fetchone() == ("theseller_web",)
    with (
        connections["default"].cursor() as cursor,
        pytest.raises(DatabaseError, match="permission denied"),
    ):
        cursor.execute(
            "insert into audit_event (id, at, tag, actor, subject, db_role) select"
            " gen_random_uuid(), now(), 'a:b:c', 'user:x', 's', 'x'"
        )


def test_a_line_is_dated_by_the_database_where_people_are_served(database: str) -> None:
    insert = (
        "insert into audit_event (id, at, tag, actor, subject) values (gen_random_uuid(), %s,"
        " 'a:b:c', 'user:x', 's') returning at, details"
    )
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        # What a deployment's own database says of itself; undone below.
        superuser.execute("update guard.deployment set environment = 'production'")
        for given in ("2020-01-01 00:00+00", "2100-01-01 00:00+00"):
            at, details = superuser.execute(insert, [given]).fetchone() or (None, None)
            assert superuser.execute(
                "select clock_timestamp() - %s < interval '1 minute'", [at]
            ).fetchone() == (True,)
            assert details == {"given_at": given.replace(" ", "T").replace("+00", ":00Z")}
        [(now,)] = superuser.execute("select clock_timestamp() - interval '10 seconds'").fetchall()
        assert superuser.execute(insert, [now]).fetchone() == (now, {})
        superuser.rollback()
        superuser.execute("update guard.deployment set environment = 'test'")
        assert superuser.execute(insert, [_LONG_AGO]).fetchone() == (_LONG_AGO, {})
        superuser.rollback()


def test_checkpoints_are_numbered_without_a_gap(database: str) -> None:
    with psycopg.connect(role_dsn("worker", database)) as worker:
        [(last,)] = worker.execute(
            "select coalesce(max(number), 0) from audit_checkpoint"
        ).fetchall()
        for number in (99_999, last + 2):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="the next checkpoint"),
                worker.transaction(),
            ):
                worker.execute("insert into audit_checkpoint values (%s, 'x', '')", [number])
        worker.execute("insert into audit_checkpoint values (%s, 'x', '')", [last + 1])
        worker.rollback()


def test_a_line_of_an_earlier_version_keeps_its_digest() -> None:
    row = (7, 3, "id", "1.5", "a:b:c", "user:x", None, "s", '{"n": 1}')
    before = json.dumps(
        [7, "id", "1.5", "a:b:c", "user:x", None, "s", {"n": 1}],
        sort_keys=True,
        separators=(",", ":"),
    )
    assert line_of((*row, None)).digest == hashlib.sha256(before.encode()).digest()
    assert (
        line_of((*row, "theseller_web")).digest
        != line_of((*row, "theseller_worker")).digest
        != line_of((*row, None)).digest
    )


def test_a_role_that_keeps_the_sealer_waiting_is_named(database: str) -> None:
    with psycopg.connect(role_dsn("web", database)) as web, as_role("worker"):
        web.execute("select pg_advisory_lock(7105002)")
        with (
            pytest.raises(SealingBusyError, match="theseller_web holds"),
            checkpoint_lock(shared=False),
        ):
            pass
        web.execute("select pg_advisory_unlock(7105002)")
        with (
            checkpoint_lock(shared=False),
            pytest.raises(SealingBusyError, match="another process"),
            checkpoint_lock(shared=False, using="web"),
        ):
            pass


def test_grants_sql_names_every_audit_tag() -> None:
    text = (Path(theseller.__file__).parent / "postgres/sql/grants.sql").read_text()
    assert all(f"'{tag.value}'" in text for tag in Tag)
