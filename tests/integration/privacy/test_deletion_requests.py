"""Requests for deletion: one record each, whatever its origin, with a deadline.

The state follows from facts, and the erasure is the same for all.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections as databases
from django.db.utils import DatabaseError
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.operators import create_operator, operator_client
from tests.sabotage.deployment import connect

from theseller.connections.operations import disconnect
from theseller.connections.queries import connection_view
from theseller.connections.types import DisconnectReason
from theseller.erasure.connection_erasure import erase_connection
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region
from theseller.privacy.deletion_requests.operations import (
    disconnect_expired_authorizations,
    record_amazon_request,
    resume_recorded_requests,
)
from theseller.privacy.deletion_requests.queries import requests_of_tenant, state_of
from theseller.privacy.deletion_requests.types import (
    DeletionRequest,
    DeletionRequestRefusedError,
    DeletionRequestState,
)
from theseller.tenancy.tenant_scope import tenant_scope


def _seller(tenant: UUID, person: UUID, region: Region = Region.NA) -> tuple[UUID, str]:
    """Connect a seller of an id of its own."""
    connection, seller = connect(tenant, person, region), "A" + new_id().hex[-13:].upper()
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "update connections_connection set selling_partner_id = %s where id = %s",
            [seller, connection],
        )
    _check(tenant, connection, "confirmed")
    return connection, seller


def _check(tenant: UUID, connection: UUID, check: str | None) -> None:
    """Set what Amazon's answers say of the connection's seller id.

    None: they named no seller since it was authorized.
    """
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "update connections_connection set seller_check = %s, seller_checked_at = %s where id"
            " = %s",
            [check, NOON if check else None, connection],
        )


def _requests(tenant: UUID) -> tuple[DeletionRequest, ...]:
    with tenant_scope(tenant):
        return requests_of_tenant()


@pytest.mark.parametrize("reason", DisconnectReason)
def test_every_disconnection_is_recorded_as_a_deletion_request(
    cast: Cast, reason: DisconnectReason
) -> None:
    connection, _ = _seller(cast.alices_shop, cast.alice.id)
    disconnect(
        connection=connection,
        reason=reason,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )
    disconnect(
        connection=connection,
        reason=reason,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )
    (found,) = _requests(cast.alices_shop)
    assert (found.origin, found.connections, found.received_at, found.state) == (
        reason,
        (connection,),
        NOON,
        DeletionRequestState.TOKEN_DELETED,
    )
    assert found.due_at == NOON + timedelta(days=30)
    assert _requests(cast.charlies_shop) == ()
    assert erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON).completed
    (closed,) = _requests(cast.alices_shop)
    assert (closed.state, closed.closed_at, closed.overdue(NOON + timedelta(days=99))) == (
        DeletionRequestState.CERTIFIED,
        NOON,
        False,
    )
    assert found.overdue(NOON + timedelta(days=30, seconds=1))


def test_amazon_deletion_request_disconnects_seller_in_all_shops_from_receipt(
    cast: Cast,
) -> None:
    alices, seller = _seller(cast.alices_shop, cast.alice.id)
    charlies, _ = _seller(cast.charlies_shop, cast.charlie.id)
    others, _ = _seller(cast.charlies_shop, cast.charlie.id, Region.EU)
    with tenant_scope(cast.charlies_shop), databases["default"].cursor() as cursor:
        cursor.execute(
            "update connections_connection set selling_partner_id = %s where id = %s",
            [seller, charlies],
        )
    _check(cast.charlies_shop, charlies, None)
    _check(cast.charlies_shop, charlies, "confirmed")
    at = clock.now()
    received = at - timedelta(days=2)
    done = record_amazon_request(
        seller=f" {seller} ", reference="CASE-1", received_at=received, actor="operator:olga", at=at
    )
    assert {(one.tenant, one.ended, one.first) for one in done} == {
        (cast.alices_shop, 1, True),
        (cast.charlies_shop, 1, True),
    }
    (found,) = _requests(cast.alices_shop)
    assert (found.origin, found.connections, found.received_at) == (
        DisconnectReason.AMAZON_REQUEST,
        (alices,),
        received,
    )
    assert (found.reference, found.recorded_by, found.state) == (
        "CASE-1",
        "operator:olga",
        DeletionRequestState.TOKEN_DELETED,
    )
    with tenant_scope(cast.charlies_shop):
        kept = connection_view(others)
    assert kept is not None
    assert kept.is_open
    again = record_amazon_request(
        seller=seller, reference="CASE-1", received_at=received, actor="operator:olga", at=at
    )
    assert {(one.ended, one.first) for one in again} == {(0, False)}
    assert len(_requests(cast.alices_shop)) == 1


def _claim(tenant: UUID, connection: UUID, seller: str) -> None:
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "update connections_connection set selling_partner_id = %s where id = %s",
            [seller, connection],
        )


@pytest.mark.parametrize("check", [None, "mismatch"])
def test_an_unconfirmed_seller_id_belongs_to_no_shop(cast: Cast, check: str | None) -> None:
    _, seller = _seller(cast.alices_shop, cast.alice.id)
    charlies, _ = _seller(cast.charlies_shop, cast.charlie.id)
    # Charlie's browser named Alice's id. Whatever was confirmed of the id before says nothing of
    # this one.
    _check(cast.charlies_shop, charlies, None)
    _claim(cast.charlies_shop, charlies, seller)
    _check(cast.charlies_shop, charlies, check)
    at = clock.now()
    done = record_amazon_request(
        seller=seller, reference="CASE-2", received_at=at, actor="operator:olga", at=at
    )
    assert [(one.tenant, one.ended) for one in done] == [(cast.alices_shop, 1)]
    with tenant_scope(cast.charlies_shop):
        kept = connection_view(charlies)
    assert kept is not None
    assert kept.is_open


def test_seller_confirmed_before_an_unconfirmed_renewal_is_found_by_a_request(
    cast: Cast,
) -> None:
    connection, seller = _seller(cast.alices_shop, cast.alice.id)
    _check(cast.alices_shop, connection, None)
    at = clock.now()
    done = record_amazon_request(
        seller=seller, reference="CASE-3", received_at=at, actor="operator:olga", at=at
    )
    assert [(one.tenant, one.ended) for one in done] == [(cast.alices_shop, 1)]


@pytest.mark.parametrize(
    ("seller", "reference", "days", "description"),
    [
        ("a2lower", "CASE-1", 0, "not a seller ID"),
        ("A2NOBODYKNOWS", "CASE-1", 0, "No shop here has or had"),
        ("A2NOBODYKNOWS", "case; drop", 0, "Amazon's case number"),
        ("A2NOBODYKNOWS", "CASE-1", -1, "in the future"),
        ("A2NOBODYKNOWS", "CASE-1", 366, "more than a year old"),
    ],
)
def test_an_invalid_request_is_refused_with_advice(
    cast: Cast, seller: str, reference: str, days: int, description: str
) -> None:
    with pytest.raises(DeletionRequestRefusedError, match=description):
        record_amazon_request(
            seller=seller,
            reference=reference,
            received_at=NOON - timedelta(days=days),
            actor="operator:olga",
            at=NOON,
        )


def test_interrupted_deletion_request_is_started_by_the_recurring_job(cast: Cast) -> None:
    connection, _ = _seller(cast.alices_shop, cast.alice.id)
    with tenant_scope(cast.alices_shop, using="operator"), databases["operator"].cursor() as cursor:
        cursor.execute(
            "insert into governance_deletion_request (tenant_id, id, origin, connections,"
            " received_at, recorded_at, recorded_by) values (%s, %s, 'amazon_request', %s, %s, %s,"
            " 'operator:olga')",
            [cast.alices_shop, new_id(), [connection], NOON, NOON],
        )
    assert _requests(cast.alices_shop)[0].state is DeletionRequestState.RECEIVED
    with as_role("worker"):
        assert resume_recorded_requests(at=NOON) >= 1
    (found,) = _requests(cast.alices_shop)
    assert (found.state, found.origin) == (
        DeletionRequestState.TOKEN_DELETED,
        DisconnectReason.AMAZON_REQUEST,
    )


def test_the_yearly_end_of_the_authorisation_ends_the_connection_and_no_day_sooner(
    cast: Cast,
) -> None:
    connection, _ = _seller(cast.alices_shop, cast.alice.id)
    with tenant_scope(cast.alices_shop):
        view = connection_view(connection)
    assert view is not None
    assert view.authorisation_expires_at is not None
    with as_role("worker"):
        disconnect_expired_authorizations(at=view.authorisation_expires_at - timedelta(seconds=1))
    assert _requests(cast.alices_shop) == ()
    with as_role("worker"):
        assert disconnect_expired_authorizations(at=view.authorisation_expires_at) >= 1
    (found,) = _requests(cast.alices_shop)
    assert (found.origin, found.recorded_by) == (
        DisconnectReason.AUTHORISATION_EXPIRED,
        "process:authorisations",
    )


def test_no_role_can_change_a_deletion_request(cast: Cast) -> None:
    connection, _ = _seller(cast.alices_shop, cast.alice.id)
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=NOON,
    )
    for statement in (
        "update governance_deletion_request set received_at = now()",
        "delete from governance_deletion_request",
    ):
        for role in ("default", "worker", "retention"):
            with (
                pytest.raises(DatabaseError),
                tenant_scope(cast.alices_shop, using=role),
                databases[role].cursor() as cursor,
            ):
                cursor.execute(statement)


def test_deletion_request_state_is_that_of_the_least_advanced_connection() -> None:
    assert state_of(2, ended=1, erased=1, certified=1) is DeletionRequestState.RECEIVED
    assert state_of(2, ended=2, erased=1, certified=1) is DeletionRequestState.TOKEN_DELETED
    assert state_of(2, ended=2, erased=2, certified=1) is DeletionRequestState.ERASED
    assert state_of(2, ended=2, erased=2, certified=2) is DeletionRequestState.CERTIFIED


def test_an_operator_records_a_request_and_the_owner_sees_its_state(cast: Cast) -> None:
    _, seller = _seller(cast.alices_shop, cast.alice.id)
    browser = operator_client(create_operator())
    day = clock.now().date()
    given = {"seller": seller, "reference": "CASE-77", "received": str(day)}
    refused = browser.post("/operate/deletion-requests/", given)
    assert refused.status_code == 422
    assert "Confirm that you have checked the seller ID." in refused.content.decode()
    assert _requests(cast.alices_shop) == ()
    assert (
        browser.post("/operate/deletion-requests/", {**given, "confirm": "on"}).status_code == 302
    )
    shown = browser.get("/operate/deletion-requests/").content.decode()
    assert "CASE-77" in shown
    assert "token deleted" in shown
    assert _requests(cast.alices_shop)[0].reference == "CASE-77"
