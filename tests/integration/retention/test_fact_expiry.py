"""Facts are deleted at 18 months, to the day of their store.

A legal hold keeps them, and never those of a connection that has ended.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import connections as databases
from django.test import Client
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.integration.privacy.test_data_inventory import _orders
from tests.sabotage.deployment import US, connect, put_product

from theseller.accounts.models import User
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass, Eraser
from theseller.erasure.connection_erasure import erase_connection
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import MARKETPLACES, Region
from theseller.retention import fact_expiry
from theseller.retention.fact_expiry import (
    delete_expired_facts,
    expiring_tables,
    oldest_day_kept,
    tenants_with_expired_facts,
)
from theseller.retention.legal_holds import HoldRefusedError, lift_hold, place_hold
from theseller.tenancy.tenant_scope import tenant_scope

WHY = "Order 12 O 34/26 of the regional court"


def _days(tenant: UUID, table: str = "ingest_order_line") -> list[date]:
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(f"select local_day from {table} where tenant_id = %s order by 1", [tenant])
        return [row[0] for row in cursor.fetchall()]


def _shop(cast: Cast, at: datetime) -> tuple[UUID, date]:
    """Give Alice's shop the last two days that are too old, and the first two that are not."""
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    first = oldest_day_kept(MARKETPLACES[US], at)
    with databases["migrate"].cursor() as cursor:
        cursor.execute(
            "select guard.ensure_months(%s, %s)",
            [first - timedelta(days=40), first + timedelta(days=40)],
        )
    _orders(cast.alices_shop, connection, [first + timedelta(days=n) for n in (-40, -1, 0, 1)])
    return connection, first


def test_facts_are_deleted_on_their_day_and_not_sooner(cast: Cast) -> None:
    _, first = _shop(cast, NOON)
    other = connect(cast.charlies_shop, cast.charlie.id, Region.NA)
    _orders(cast.charlies_shop, other, [first])
    put_product(cast.alices_shop, other)
    assert cast.alices_shop in tenants_with_expired_facts(at=NOON, most=1000, using="worker")
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON) == {"ingest_order_line": 2}
    assert _days(cast.alices_shop) == [first, first + timedelta(days=1)]
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON) == {}
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON + timedelta(days=1)) == {
        "ingest_order_line": 1
    }
    assert _days(cast.charlies_shop) == [first]


def test_a_failure_of_one_shop_does_not_keep_the_facts_of_others(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = clock.now()
    _shop(cast, at)
    first = oldest_day_kept(MARKETPLACES[US], at)
    other = connect(cast.charlies_shop, cast.charlie.id, Region.NA)
    _orders(cast.charlies_shop, other, [first - timedelta(days=1), first])

    def fails_for_alice(*, tenant: UUID, at: datetime) -> dict[str, int]:
        if tenant == cast.alices_shop:
            raise LookupError("a row is locked")
        return delete_expired_facts(tenant=tenant, at=at)

    monkeypatch.setattr(fact_expiry, "delete_expired_facts", fails_for_alice)
    with pytest.raises(ExceptionGroup, match="not deleted"):
        fact_expiry.delete_expired_facts_of_all_tenants(at=at, using="worker")
    assert first - timedelta(days=1) not in _days(cast.charlies_shop)
    assert first - timedelta(days=1) in _days(cast.alices_shop)


def _money_of_no_store(tenant: UUID, connection: UUID, days: list[date]) -> None:
    with tenant_scope(tenant, using="worker"), databases["worker"].cursor() as cursor:
        for number, day in enumerate(days):
            cursor.execute(
                "insert into ingest_ledger_line (tenant_id, local_day, source, source_key,"
                " source_line, connection_id, marketplace_id, posted_at, state, kind,"
                " transaction_type, breakdown, currency, amount) values (%s, %s, 'settlement',"
                " 'S1', %s, %s, '', %s, 'settled', 'storage', 'x', 'x', 'EUR', -1)",
                [tenant, day, number, connection, NOON],
            )
            cursor.execute(
                "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"
                " values (%s, '', %s, %s)",
                [tenant, day, NOON],
            )
    while recompute_dirty(tenant=tenant, at=NOON, using="worker").days:
        pass


def test_money_of_no_store_is_deleted_by_age_and_with_its_connection(cast: Cast) -> None:
    connection, first = _shop(cast, NOON)
    days = [first + timedelta(days=n) for n in (-40, 3)]
    _money_of_no_store(cast.alices_shop, connection, days)
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON) == {
        "ingest_order_line": 2,
        "ingest_ledger_line": 1,
        "analytics_day": 1,
    }
    assert (
        _days(cast.alices_shop, "ingest_ledger_line")
        == _days(cast.alices_shop, "analytics_day")
        == days[1:]
    )
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )
    assert erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON).completed
    assert (
        _days(cast.alices_shop, "ingest_ledger_line")
        == _days(cast.alices_shop, "analytics_day")
        == []
    )


def test_every_table_of_facts_with_rows_of_its_own_expires_by_age() -> None:
    facts = {one.table for one in descriptors() if one.data_class is DataClass.SELLER_FACTS}
    assert facts <= {one.table for one in expiring_tables()}


def test_the_search_for_expired_facts_reads_every_table_that_expires_by_age(database: str) -> None:
    """`guard.tenants_with_expired_facts` has a list of its own, in a migration.

    A new table needs a new version of it.
    """
    derived = {
        one.table
        for one in expiring_tables()
        if one.eraser is Eraser.REBUILD and one.data_class is not DataClass.SELLER_FACTS
    }
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        row = superuser.execute(
            "select prosrc from pg_proc where proname = 'tenants_with_expired_facts'"
        ).fetchone()
    assert row is not None
    read = set(re.findall(r"\b(?:from|join) (?:public\.)?(\w+)", row[0]))
    assert {one.table for one in expiring_tables()} - derived <= read


def test_a_hold_keeps_facts_until_it_ends_or_is_lifted(cast: Cast) -> None:
    _, first = _shop(cast, NOON)
    with as_role("worker"):
        hold = place_hold(
            tenant=cast.alices_shop,
            reason=WHY,
            until=NOON + timedelta(days=10),
            actor="operator:olga",
            at=NOON,
        )
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON) == {}
    assert len(_days(cast.alices_shop)) == 4
    with as_role("worker"):
        assert lift_hold(
            tenant=cast.alices_shop,
            hold=hold.id,
            actor="operator:olga",
            at=NOON + timedelta(days=1),
        )
        assert not lift_hold(
            tenant=cast.alices_shop,
            hold=hold.id,
            actor="operator:olga",
            at=NOON + timedelta(days=1),
        )
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON) == {"ingest_order_line": 2}
    assert first in _days(cast.alices_shop)


def test_shops_with_a_retention_hold_do_not_delay_other_shops(cast: Cast) -> None:
    _shop(cast, NOON)
    other = connect(cast.charlies_shop, cast.charlie.id, Region.NA)
    _orders(
        cast.charlies_shop, other, [oldest_day_kept(MARKETPLACES[US], NOON) - timedelta(days=1)]
    )
    assert cast.alices_shop in tenants_with_expired_facts(at=NOON, most=1000, using="worker")
    with as_role("worker"):
        place_hold(
            tenant=cast.alices_shop,
            reason=WHY,
            until=NOON + timedelta(days=10),
            actor="operator:olga",
            at=NOON,
        )
    found = tenants_with_expired_facts(at=NOON, most=1000, using="worker")
    assert cast.alices_shop not in found
    assert cast.charlies_shop in found
    assert cast.alices_shop in tenants_with_expired_facts(
        at=NOON + timedelta(days=10), most=1000, using="worker"
    )
    assert (
        tenants_with_expired_facts(at=NOON, most=1, using="worker") == found[:1]
    )  # who has waited longest comes first


def test_retention_hold_ends_at_its_expiry(cast: Cast) -> None:
    _shop(cast, NOON)
    with as_role("worker"):
        place_hold(
            tenant=cast.alices_shop,
            reason=WHY,
            until=NOON + timedelta(hours=1),
            actor="operator:olga",
            at=NOON,
        )
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON + timedelta(minutes=59)) == {}
    assert delete_expired_facts(tenant=cast.alices_shop, at=NOON + timedelta(hours=1)) != {}


def test_retention_hold_does_not_prevent_erasure_after_disconnection(cast: Cast) -> None:
    connection, _ = _shop(cast, NOON)
    with as_role("worker"):
        place_hold(
            tenant=cast.alices_shop,
            reason=WHY,
            until=NOON + timedelta(days=300),
            actor="operator:olga",
            at=NOON,
        )
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )
    assert erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON).completed
    assert _days(cast.alices_shop) == []


@pytest.mark.parametrize(
    ("reason", "days", "says"),
    [
        ("too short", 10, "20 to 1000"),
        (" " * 30 + "x", 10, "20 to 1000"),
        (WHY, 366, "within 365 days"),
        (WHY, 0, "in the future"),
    ],
)
def test_an_invalid_hold_is_refused(cast: Cast, reason: str, days: int, says: str) -> None:
    with pytest.raises(HoldRefusedError, match=says):
        place_hold(
            tenant=cast.alices_shop,
            reason=reason,
            until=NOON + timedelta(days=days),
            actor="operator:olga",
            at=NOON,
        )
    with pytest.raises(HoldRefusedError, match="no shop"), as_role("worker"):
        place_hold(
            tenant=new_id(),
            reason=WHY,
            until=NOON + timedelta(days=1),
            actor="operator:olga",
            at=NOON,
        )


def test_the_seller_sees_the_hold_and_why(cast: Cast) -> None:
    at = clock.now()
    with as_role("worker"):
        place_hold(
            tenant=cast.alices_shop,
            reason=WHY,
            until=at + timedelta(days=9),
            actor="operator:olga",
            at=at,
        )
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    assert WHY in client.get("/data/").content.decode()
