"""What can't be erased or certified holds up no other erasure of the same run, and is tried again by the next."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.db.utils import DatabaseError
from psycopg import sql
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.sabotage.deployment import connect

from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.governance.shop_end.operations import end_shop
from theseller.lib import clock
from theseller.lib.marketplaces import Region
from theseller.retention.ends import end_certificate
from theseller.retention.operations import purge, purge_all
from theseller.retention.queries import certificate, due_purges
from theseller.retention.shops import erase_ends
from theseller.tenancy.scope import tenant_scope


@contextlib.contextmanager
def _refusing(database: str, table: str, column: str, refused: UUID, events: str = "insert") -> Iterator[None]:
    """Have the database refuse to write one row of `table`, as a disk fault or a damaged index would."""
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column), "id": sql.Literal(str(refused)), "events": sql.SQL(events)}
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "create function public.refuse_one() returns trigger language plpgsql as"
            " $$ begin raise exception 'this row can not be written' using errcode = 'data_corrupted'; end $$"
        )
        superuser.execute(
            sql.SQL(
                "create trigger refuse_one before {events} on {table} for each row when (new.{column} = {id}) execute function refuse_one()"
            ).format(**names)
        )
        try:
            yield
        finally:
            superuser.execute("drop function public.refuse_one() cascade")


def _ended(tenant: UUID, person: UUID, region: Region = Region.NA) -> UUID:
    connection = connect(tenant, person, region)
    disconnect(connection=connection, reason=DisconnectReason.SELLER_REQUEST, tenant=tenant, actor=f"user:{person}", at=clock.now())
    return connection


def _is_certified(tenant: UUID, connection: UUID) -> bool:
    with tenant_scope(tenant):
        return certificate(connection) is not None


@pytest.mark.parametrize(
    ("table", "events"),
    [("retention_certificate", "insert"), ("retention_purge", "insert"), ("retention_purge", "update")],
    ids=["its certificate", "its ledger", "its marks"],
)
def test_one_connection_that_fails_holds_up_no_other(
    cast: Cast, database: str, caplog: pytest.LogCaptureFixture, table: str, events: str
) -> None:
    others = _ended(cast.alices_shop, cast.alice.id)
    failing = _ended(cast.charlies_shop, cast.charlie.id)
    last = _ended(cast.charlies_shop, cast.charlie.id, Region.EU)
    caplog.set_level(logging.ERROR)
    with as_role("worker"), _refusing(database, table, "connection_id", failing, events), pytest.raises(DatabaseError):
        purge_all(due_purges(at=clock.now()), at=clock.now())
    assert _is_certified(cast.alices_shop, others)
    assert _is_certified(cast.charlies_shop, last)
    assert not _is_certified(cast.charlies_shop, failing)
    assert [record.message for record in caplog.records if str(failing) in record.message and "failed" in record.message]
    with as_role("worker"):
        purge_all(due_purges(at=clock.now()), at=clock.now())
    assert _is_certified(cast.charlies_shop, failing)


@pytest.mark.parametrize(("table", "events"), [("retention_end_certificate", "insert"), ("retention_shop_end", "update")])
def test_one_shop_that_fails_holds_up_no_other(cast: Cast, database: str, table: str, events: str) -> None:
    at = clock.now()
    for tenant, person in ((cast.alices_shop, cast.alice), (cast.charlies_shop, cast.charlie)):
        connection = _ended(tenant, person.id)
        end_shop(person=person.id, tenant=tenant, at=at)
        assert purge(connection=connection, tenant=tenant, at=at).completed
    later = at + timedelta(hours=25)
    shops = (cast.alices_shop, cast.charlies_shop)
    column = "subject_id" if table == "retention_end_certificate" else "tenant_id"
    with as_role("worker"):
        with _refusing(database, table, column, cast.alices_shop, events), pytest.raises(DatabaseError):
            erase_ends(shops=shops, at=later)
        assert end_certificate(cast.charlies_shop, using="worker") is not None
        assert end_certificate(cast.alices_shop, using="worker") is None
        erase_ends(shops=[cast.alices_shop], at=later)
        assert end_certificate(cast.alices_shop, using="worker") is not None
