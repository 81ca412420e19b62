"""What can't be erased or certified delays no other erasure of the same run.

The next run tries it again.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.db.utils import DatabaseError
from django.test import Client
from psycopg import sql
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.sabotage.deployment import connect

from theseller.accounts.models import User
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.errors import KeyStoreError
from theseller.erasure.connection_erasure import erase_connection, erase_connections
from theseller.erasure.failure_records import failed_erasure, failed_erasures, reason
from theseller.erasure.queries import connection_certificate, due_connections, subject_certificate
from theseller.erasure.tenant_and_user_erasure import erase_tenants_and_users
from theseller.erasure.tenant_erasure import due_tenants
from theseller.erasure.types import SubjectKind
from theseller.lib import clock
from theseller.lib.marketplaces import Region
from theseller.privacy.deletion_requests.queries import all_requests
from theseller.privacy.tenant_deletion.operations import delete_tenant
from theseller.tenancy.tenant_scope import tenant_scope


@contextlib.contextmanager
def _refusing(database: str, table: str, refused: UUID, events: str = "insert") -> Iterator[None]:
    """Have the database refuse to write the row of one subject in `table`.

    As a disk fault or a damaged index would.
    """
    names = {
        "table": sql.Identifier(table),
        "id": sql.Literal(str(refused)),
        "events": sql.SQL(events),
    }
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "create function public.refuse_one() returns trigger language plpgsql as $$ begin raise"
            " exception 'this row can not be written' using errcode = 'data_corrupted'; end $$"
        )
        superuser.execute(
            sql.SQL(
                "create trigger refuse_one before {events} on {table} for each row when"
                " (new.subject_id = {id}) execute function refuse_one()"
            ).format(**names)
        )
        try:
            yield
        finally:
            superuser.execute("drop function public.refuse_one() cascade")


def _ended(tenant: UUID, person: UUID, region: Region = Region.NA) -> UUID:
    connection = connect(tenant, person, region)
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=tenant,
        actor=f"user:{person}",
        at=clock.now(),
    )
    return connection


def _browser(person: UUID) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person))
    return client


def _is_certified(tenant: UUID, connection: UUID) -> bool:
    with tenant_scope(tenant):
        return connection_certificate(connection) is not None


@pytest.mark.parametrize(
    ("table", "events"),
    [
        pytest.param("erasure_certificate", "insert", marks=pytest.mark.exhaustive),
        ("erasure_erasure", "insert"),
        pytest.param("erasure_erasure", "update", marks=pytest.mark.exhaustive),
    ],
    ids=["its certificate", "its ledger", "its marks"],
)
def test_failing_connection_erasure_does_not_delay_others(
    cast: Cast, database: str, caplog: pytest.LogCaptureFixture, table: str, events: str
) -> None:
    others = _ended(cast.alices_shop, cast.alice.id)
    failing = _ended(cast.charlies_shop, cast.charlie.id)
    last = _ended(cast.charlies_shop, cast.charlie.id, Region.EU)
    caplog.set_level(logging.ERROR)
    at = clock.now()
    with (
        as_role("worker"),
        _refusing(database, table, failing, events),
        pytest.raises(DatabaseError),
    ):
        erase_connections(due_connections(at=at), at=at)
    assert _is_certified(cast.alices_shop, others)
    assert _is_certified(cast.charlies_shop, last)
    assert not _is_certified(cast.charlies_shop, failing)
    assert [
        record.message
        for record in caplog.records
        if str(failing) in record.getMessage() and "erasure_failed" in record.getMessage()
    ]
    with as_role("worker"):
        assert failing not in {
            one.id for one in due_connections(at=at + timedelta(seconds=4), most=1000)
        }
        later = at + timedelta(seconds=6)
        erase_connections(
            [one for one in due_connections(at=later, most=1000) if one.id == failing], at=later
        )
        assert failing not in {one.subject for one in failed_erasures(most=1000)}
    assert _is_certified(cast.charlies_shop, failing)


def test_failing_erasure_is_retried_with_growing_pauses_and_keeps_its_reason(
    cast: Cast, database: str
) -> None:
    """Five seconds, ten, twenty, up to a quarter of an hour; what gets through begins with five again."""
    failing = _ended(cast.charlies_shop, cast.charlie.id)
    at, pauses, result = clock.now(), [], None
    with as_role("worker"):
        with _refusing(database, "erasure_erasure", failing):
            for _ in range(10):
                (due,) = [one for one in due_connections(at=at, most=1000) if one.id == failing]
                with pytest.raises(DatabaseError):
                    erase_connections([due], at=at)
                (result,) = [one for one in failed_erasures(most=1000) if one.subject == failing]
                assert failing not in {
                    one.id
                    for one in due_connections(at=result.retry_at - timedelta(seconds=1), most=1000)
                }
                pauses.append((result.retry_at - at).total_seconds())
                at = result.retry_at
        assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]
        assert result is not None
        assert (result.failures, result.kind, result.reason) == (
            10,
            SubjectKind.CONNECTION,
            "psycopg.errors.DataCorrupted: SQLSTATE XX001",
        )
        assert (result.first_at, result.last_at) == (
            at - timedelta(seconds=sum(pauses)),
            at - timedelta(seconds=900),
        )
        # Its clock goes on: the request is as late as it would be, and the control of 30 days sees
        # the connection.
        (request,) = [
            one for one in all_requests(most=1000, using="worker") if failing in one.connections
        ]
        assert request.is_open
    with tenant_scope(cast.charlies_shop, using="web"):
        shown = failed_erasure(failing, using="web")
    assert shown is not None
    assert (shown.failures, shown.reason) == (10, "")
    with tenant_scope(cast.alices_shop, using="web"):
        assert failed_erasure(failing, using="web") is None
    page = _browser(cast.charlie.id).get(f"/connections/{failing}/erasure/").content.decode()
    assert "The erasure failed" in page
    assert "10 times since" in page
    assert "DataCorrupted" not in page
    with as_role("worker"):
        (due,) = [one for one in due_connections(at=at, most=1000) if one.id == failing]
        erase_connections([due], at=at)
        assert failing not in {one.subject for one in failed_erasures(most=1000)}


def test_the_reason_of_a_failure_is_a_message_and_quotes_no_row() -> None:
    full = psycopg.errors.DiskFull("could not extend file: row of seller A1B2")
    assert reason(full).startswith("The disk of the database is full. Free some space there")
    assert "A1B2" not in reason(full)
    assert reason(KeyStoreError("the key service pauses")) == "the key service pauses"
    assert (
        reason(OSError(errno.ENOSPC, "No space left on device"))
        == "There is no space left on a disk of this machine."
    )
    assert reason(ValueError("a value of the seller's")) == "ValueError"


@pytest.mark.parametrize(
    ("table", "events"),
    [
        pytest.param("erasure_certificate", "insert", marks=pytest.mark.exhaustive),
        ("erasure_erasure", "update"),
    ],
)
def test_failing_shop_erasure_does_not_delay_others(
    cast: Cast, database: str, table: str, events: str
) -> None:
    at = clock.now()
    for tenant, person in ((cast.alices_shop, cast.alice), (cast.charlies_shop, cast.charlie)):
        connection = _ended(tenant, person.id)
        delete_tenant(person=person.id, tenant=tenant, at=at)
        assert erase_connection(connection=connection, tenant=tenant, at=at).completed
    later = at + timedelta(hours=25)
    shops = (cast.alices_shop, cast.charlies_shop)
    with as_role("worker"):
        with (
            _refusing(database, table, cast.alices_shop, events),
            pytest.raises(DatabaseError),
        ):
            erase_tenants_and_users(tenants=shops, at=later)
        assert subject_certificate(cast.charlies_shop, using="worker") is not None
        assert subject_certificate(cast.alices_shop, using="worker") is None
        assert cast.alices_shop not in due_tenants(at=later, using="worker")
        assert cast.alices_shop in due_tenants(at=later + timedelta(seconds=6), using="worker")
        erase_tenants_and_users(tenants=[cast.alices_shop], at=later)
        assert cast.alices_shop not in {one.subject for one in failed_erasures(most=1000)}
        assert subject_certificate(cast.alices_shop, using="worker") is not None
