"""The audit log is append-only for everyone.

A change and its line exist together or not at all.
"""

from __future__ import annotations

import psycopg
import pytest
from tests.cast import NOON, Cast
from tests.database import role_dsn, test_server

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.tenancy.models import Tenant
from theseller.tenancy.tenant_scope import tenant_scope


@pytest.mark.parametrize("role", ["web", "worker", "retention", "probe"])
@pytest.mark.parametrize(
    "verb",
    ["update audit_event set actor = actor", "delete from audit_event", "truncate audit_event"],
)
def test_no_service_role_can_change_the_audit_log(role: str, verb: str, database: str) -> None:
    with (
        psycopg.connect(role_dsn(role, database)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("set transaction read write")
        connection.execute(verb)


@pytest.mark.parametrize(
    "verb",
    ["update audit_event set actor = actor", "delete from audit_event", "truncate audit_event"],
)
def test_superuser_cannot_change_the_audit_log_with_plain_statements(
    verb: str, cast: Cast, database: str
) -> None:
    del cast  # whose making wrote lines
    with (
        psycopg.connect(test_server().superuser_dsn(database)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(verb)


def test_a_line_is_written_with_its_effect_or_not_at_all(cast: Cast, database: str) -> None:
    def lines() -> int:
        with psycopg.connect(test_server().superuser_dsn(database)) as connection:
            row = connection.execute(
                "select count(*) from audit_event where tenant_id = %s", [cast.alices_shop]
            ).fetchone()
            assert row is not None
            return int(row[0])

    before = lines()
    with pytest.raises(ZeroDivisionError), tenant_scope(cast.alices_shop):
        record(
            Tag.DATA_EXPORTED,
            actor=cast.alice.actor,
            tenant=cast.alices_shop,
            subject="user:x",
            at=NOON,
        )
        raise ZeroDivisionError
    assert lines() == before
    with tenant_scope(cast.alices_shop):
        assert Tenant.objects.count() == 1
        record(
            Tag.DATA_EXPORTED,
            actor=cast.alice.actor,
            tenant=cast.alices_shop,
            subject="user:x",
            at=NOON,
        )
    assert lines() == before + 1


def test_audit_tags_are_sorted_unique_and_used() -> None:
    from pathlib import Path

    names = [tag.name for tag in Tag]
    assert len({tag.value for tag in Tag}) == len(names)
    sources = "\n".join(
        path.read_text()
        for path in Path(__file__).resolve().parents[3].glob("src/theseller/**/*.py")
        if path.name != "tags.py"
    )
    assert [name for name in names if f"Tag.{name}" not in sources] == []
    assert names == sorted(names)
