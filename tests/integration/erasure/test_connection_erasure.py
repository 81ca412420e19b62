"""Disconnect, purge, certificate: on rows of every erasable table."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connections as databases
from tests.cast import NOON, Cast

from theseller.connections.operations import connection_for_files, disconnect
from theseller.connections.types import DisconnectReason
from theseller.erasure.certificate_verification import CertificateRefusedError, verify_certificate
from theseller.erasure.connection_erasure import ConnectionOpenError, erase_connection
from theseller.erasure.erasable_tables import connection_tables
from theseller.erasure.queries import connection_certificate, due_connections
from theseller.lib.marketplaces import Region
from theseller.tenancy.tenant_scope import tenant_scope

US = "ATVPDKIKX0DER"


def _with_facts(tenant: UUID) -> UUID:
    with tenant_scope(tenant):
        connection = connection_for_files(Region.NA, tenant=tenant, at=NOON)
        with databases["default"].cursor() as cursor:
            for day in ("2026-10-31", "2026-11-01"):
                cursor.execute(
                    "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
                    " connection_id, marketplace_id, purchased_at, last_updated_at, status,"
                    " fulfilment, is_business, is_replacement, sku, asin, quantity, source) values"
                    " (%s, %s, %s, '1', %s, %s, %s, %s, 'shipped', 'amazon', false, false, 'S',"
                    " 'A', 1, 'orders_api')",
                    [tenant, day, f"order-{day}", connection, US, NOON, NOON],
                )
            cursor.execute(
                "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"
                " values (%s, %s, '2026-11-01', %s)",
                [tenant, US, NOON],
            )
    return connection


def _end(cast: Cast, connection: UUID) -> None:
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )


def test_an_open_connection_is_never_purged(cast: Cast) -> None:
    connection = _with_facts(cast.alices_shop)
    with pytest.raises(ConnectionOpenError):
        erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON)


def test_a_closed_connection_is_erased_and_certified(cast: Cast) -> None:
    connection = _with_facts(cast.alices_shop)
    others = _with_facts(cast.charlies_shop)
    _end(cast, connection)

    purged = erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON)

    assert purged.completed
    assert purged.deleted["ingest_order_line/2026-10"] == 1
    assert purged.deleted["ingest_dirty_day"] == 1
    assert set(purged.left) == {descriptor.table for descriptor in connection_tables()}
    with tenant_scope(cast.alices_shop):
        found = connection_certificate(connection)
    assert found is not None
    verified = verify_certificate(found[1])
    assert verified.body["connection_id"] == str(connection)
    with tenant_scope(cast.charlies_shop), databases["default"].cursor() as cursor:
        cursor.execute("select count(*) from ingest_order_line where connection_id = %s", [others])
        assert cursor.fetchone()[0] == 2


def test_certificate_with_one_changed_byte_is_refused(cast: Cast) -> None:
    connection = _with_facts(cast.alices_shop)
    _end(cast, connection)
    erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON)
    with tenant_scope(cast.alices_shop):
        found = connection_certificate(connection)
    assert found is not None
    for position in range(len(found[1])):
        changed = bytearray(found[1])
        changed[position] ^= 1
        with pytest.raises(CertificateRefusedError):
            verify_certificate(bytes(changed))


def test_closed_connection_is_due_for_erasure_until_it_is_erased(cast: Cast, database: str) -> None:
    connection = _with_facts(cast.alices_shop)
    _end(cast, connection)
    assert connection in {
        closed.id for closed in due_connections(at=NOON, most=1000, using="worker")
    }
    erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON)
    assert connection not in {
        closed.id for closed in due_connections(at=NOON, most=1000, using="worker")
    }


def test_disconnecting_again_changes_nothing(cast: Cast) -> None:
    connection = _with_facts(cast.alices_shop)
    _end(cast, connection)
    again = disconnect(
        connection=connection,
        reason=DisconnectReason.AMAZON_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )
    assert not again.first
    assert again.reason is DisconnectReason.SELLER_REQUEST
