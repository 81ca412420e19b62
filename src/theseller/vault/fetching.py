"""Fetch recipients from Amazon: one call for each order whose slip somebody asked for, kept in the vault or dropped.

A call is made in a transaction that holds the consent: turning the feature off waits for it, and none leaves after that has committed. What
it answered is in this process's memory only until it is sealed. The table of wishes is the truth; a job is a nudge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.amazon import errors as amazon
from theseller.amazon.decoders.recipients import decode_slip_data
from theseller.amazon.operations import GET_ORDER_FOR_A_SLIP
from theseller.connections.locks import ConnectionClosedError
from theseller.connections.sessions import open_connection
from theseller.connections.types import ConnectionView
from theseller.crypto.errors import KeyDestroyedError, KeyStoreError, SecretProviderError
from theseller.ingest.sync.drift import note_drift
from theseller.ingest.sync.rate_limited_client import RateLimitedClient
from theseller.tenancy.scope import tenant_scope
from theseller.vault.addressing import recipient_of
from theseller.vault.dates import is_dead, shipped_too_long_ago
from theseller.vault.keeping import SwitchedOffError, TooOldError, keep_recipient
from theseller.vault.keys import USING
from theseller.vault.queries import orders, role_held, wishes
from theseller.vault.types import Outcome, ShippableOrder, Wish

log = logging.getLogger(__name__)

ACTOR = "process:vault"
#: How long Amazon may fail before a wish is given up; who still wants the slip asks again. The wait between two tries, and how many wishes
#: may fail in one run: one order that Amazon can't answer for keeps no other waiting, and an Amazon that is down isn't asked for all of them.
PATIENCE, PAUSE, FAILURES_MOST = timedelta(minutes=15), timedelta(seconds=30), 3
_ANSWERS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Outcome], ...] = (
    ((SwitchedOffError, KeyDestroyedError), Outcome.SWITCHED_OFF),
    (TooOldError, Outcome.TOO_OLD),
    (amazon.RoleMissingError, Outcome.ROLE_MISSING),
    (amazon.NotFoundError, Outcome.NOT_FOUND),
)
#: What passes: the wish waits, as long as its patience lasts.
_PASSING = (
    amazon.UnavailableError,
    amazon.LWAUnavailableError,
    amazon.AccessTokenRejectedError,
    amazon.SellerUnconfirmedError,
    amazon.ClientSecretInvalidError,
    KeyStoreError,
    SecretProviderError,
)


def fetch_wanted(*, tenant: UUID, connection: UUID, now: Callable[[], datetime]) -> datetime | None:
    """Fetch what is asked for of one connection; return when to go on, None if nothing waits. Never raises for what Amazon does."""
    at = now()
    try:
        with open_connection(tenant, connection, at=at) as opened:
            view, wanted = opened.view, wishes(connection)
            known = orders([connection], [wish.order for wish in wanted], at=at)
    except ConnectionClosedError:
        return None
    client, failures = RateLimitedClient(view, now=now, held=settings.ENVIRONMENT.restricted_roles), 0
    for wish in wanted:
        try:
            outcome = _fetch(client, view, known.get(wish.order), now)
        except ConnectionClosedError:
            return None
        except amazon.ThrottledError as error:
            return error.not_before
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this wish's alone
            if isinstance(error, _PASSING) and now() - wish.asked_at < PATIENCE:
                failures += 1
                if failures == FAILURES_MOST:
                    break
                continue
            outcome = _outcome_of(error)
        _settle(wish, outcome, tenant=tenant, connection=connection, at=now())
    return now() + PAUSE if failures else None


def _outcome_of(error: Exception) -> Outcome:
    known = next((outcome for kinds, outcome in _ANSWERS if isinstance(error, kinds)), None)
    if known is None:
        # Only Amazon's and our own error texts are free of values; of any other only the type is told.
        told = str(error) if isinstance(error, (amazon.AmazonError, KeyStoreError, SecretProviderError)) else type(error).__name__
        log.error("a recipient could not be fetched: %s", told)
    return known or Outcome.AMAZON_FAILED


def _fetch(client: RateLimitedClient, view: ConnectionView, order: ShippableOrder | None, now: Callable[[], datetime]) -> Outcome:
    answered = _without_a_call(view, order, now())
    if answered is not None or order is None:
        return answered or Outcome.NOT_YOURS
    client.pay(GET_ORDER_FOR_A_SLIP)
    body = client.call(GET_ORDER_FOR_A_SLIP, path={"orderId": order.id}, hold=partial(_hold, view.tenant, view.id))
    data, drift = decode_slip_data(body)
    if drift:
        with tenant_scope(view.tenant):
            note_drift(drift, operation=GET_ORDER_FOR_A_SLIP, tenant=view.tenant, connection=view.id, at=now())
    if data.order_id != order.id or data.fulfilled_by != "MERCHANT" or data.cancelled:
        return Outcome.NOT_YOURS
    if data.address is None:
        return Outcome.NOT_GIVEN
    keep_recipient(
        recipient_of(data, data.address),
        order=order.id,
        connection=view.id,
        # Amazon tells no day of shipment without the parcels, which are not asked for: a parcel can't have left before it was ordered.
        shipped_at=data.created_at if data.may_have_left else None,
        tenant=view.tenant,
        actor=ACTOR,
        at=now(),
    )
    return Outcome.FETCHED


def _without_a_call(view: ConnectionView, order: ShippableOrder | None, at: datetime) -> Outcome | None:
    """Return what can be said without asking Amazon; None if it has to be asked."""
    if order is None:
        return Outcome.NOT_YOURS
    if not role_held():
        return Outcome.ROLE_MISSING
    if shipped_too_long_ago(order.purchased_at if order.shipped else None, at=at):
        return Outcome.TOO_OLD
    return Outcome.FETCHED if _is_held(view.tenant, view.id, order.id, at=at) else None


def _hold(tenant: UUID, connection: UUID) -> None:
    """Keep the feature from being turned off while the call is under way. Raises SwitchedOffError."""
    with databases["default"].cursor() as cursor:
        cursor.execute(
            "select 1 from vault_consent where tenant_id = %s and connection_id = %s and withdrawn_at is null for share",
            [tenant, connection],
        )
        if cursor.fetchone() is None:
            raise SwitchedOffError


def _is_held(tenant: UUID, connection: UUID, order: str, *, at: datetime) -> bool:
    with tenant_scope(tenant, using=USING), databases[USING].cursor() as cursor:
        cursor.execute(
            "select dies_on from pii.recipient where tenant_id = %s and connection_id = %s and order_id = %s", [tenant, connection, order]
        )
        row = cursor.fetchone()
    return row is not None and not is_dead(row[0], at=at)


def _settle(wish: Wish, outcome: Outcome, *, tenant: UUID, connection: UUID, at: datetime) -> None:
    """Write down what became of a wish, unless it was made anew meanwhile."""
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "update vault_request set outcome = %s, done_at = %s"
            " where tenant_id = %s and connection_id = %s and order_id = %s and asked_at = %s and outcome is null",
            [outcome.value, at, tenant, connection, wish.order, wish.asked_at],
        )
