"""What the database refuses to write into the record of an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from tests.cast import Cast
from tests.database import test_server

from theseller.lib.ids import new_id

TENANT, CONNECTION, USER = new_id(), new_id(), new_id()
_COLUMNS = "tenant_id, subject_id, kind, requested_at, requested_by, begun_at"
#: Subject, SQL of the change, and the role that tries it.
REFUSED = {
    "the plan of a connection": (CONNECTION, "plan = '{\"x\": 1}'", "postgres"),
    "when a connection's began": (CONNECTION, "begun_at = 'infinity'", "postgres"),
    "when a connection ended": (CONNECTION, "requested_at = 'infinity'", "postgres"),
    "when a tenant's was requested": (TENANT, "requested_at = 'infinity'", "postgres"),
    "who requested a tenant's": (TENANT, "requested_by = 'user:x'", "postgres"),
    "a user's kind": (USER, "kind = 'connection'", "postgres"),
    "whose a user's is": (USER, "subject_id = gen_random_uuid()", "postgres"),
    "a tenant's, as the owner of requests": (TENANT, "completed_at = now()", "theseller_requests"),
    "a connection's, as that role": (CONNECTION, "steps_done = '{}'", "theseller_requests"),
}
#: Rows that no kind of subject has.
INCONSISTENT = {
    "a user in another's scope": "(%(a)s, %(b)s, 'person', now(), null, null)",
    "a tenant in another's scope": "(%(a)s, %(b)s, 'shop', now(), 'user:x', null)",
    "a tenant that no one requested": "(%(a)s, %(a)s, 'shop', now(), null, null)",
    "a connection that has not begun": "(%(a)s, %(b)s, 'connection', now(), null, null)",
    "another kind": "(%(a)s, %(a)s, 'deployment', now(), null, now())",
}


@pytest.fixture
def superuser(cast: Cast, database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A transaction with an erasure of each kind, which is rolled back."""
    del cast
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        connection.execute(
            f"insert into erasure_erasure ({_COLUMNS}) values (%s, %s, 'connection', now(), null,"
            " now()), (%s, %s, 'shop', now(), 'user:y', now()), (%s, %s, 'person', now(), null,"
            " null)".encode(),
            [TENANT, CONNECTION, TENANT, TENANT, USER, USER],
        )
        yield connection
        connection.rollback()


@pytest.mark.parametrize("change", REFUSED)
def test_fields_of_an_erasure_record_cannot_be_changed(
    superuser: psycopg.Connection[tuple[object, ...]], change: str
) -> None:
    subject, assignment, role = REFUSED[change]
    if role == "theseller_requests":
        superuser.execute("grant update on erasure_erasure to theseller_requests")
        superuser.execute(f"set local role {role}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is not changed"):
        _change(superuser, subject, assignment)


def test_requests_role_can_update_a_user_deletion_request(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    superuser.execute("set local role theseller_requests")
    assert _change(superuser, USER, "requested_at = now(), own_request = true, kept = false") == 1


@pytest.mark.parametrize("row", INCONSISTENT)
def test_erasure_row_inconsistent_with_its_kind_is_refused(
    superuser: psycopg.Connection[tuple[object, ...]], row: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(
            f"insert into erasure_erasure ({_COLUMNS}) values {INCONSISTENT[row]}".encode(),
            {"a": new_id(), "b": new_id()},
        )


def _change(
    connection: psycopg.Connection[tuple[object, ...]], subject: UUID, assignment: str
) -> int:
    return connection.execute(
        f"update erasure_erasure set {assignment} where subject_id = %s".encode(), [subject]
    ).rowcount
