"""Fetch recipients from Amazon, one call per requested order.

Each call runs in a transaction that locks the consent: disabling the feature waits for it, and no
call starts after that commit. A response stays in this process's memory until it is sealed.
`vault_request` is the source of truth; a job is only a trigger.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.amazon import errors as amazon
from theseller.amazon.decoders.recipients import decode_slip_data
from theseller.amazon.spapi_operations import GET_ORDER_FOR_A_SLIP
from theseller.buyer_pii.address_lines import printed_recipient
from theseller.buyer_pii.expiry_date import is_expired, shipped_too_long_ago
from theseller.buyer_pii.queries import has_restricted_role, orders, pending_requests
from theseller.buyer_pii.recipient_encryption import USING
from theseller.buyer_pii.store_recipient import (
    FeatureDisabledError,
    ShippedTooLongAgoError,
    store_recipient,
)
from theseller.buyer_pii.types import ACTOR, RecipientRequest, RequestOutcome, ShippableOrder
from theseller.connections.access_tokens import open_connection
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.types import ConnectionView
from theseller.crypto.errors import KeyDestroyedError, KeyStoreError, SecretProviderError
from theseller.ingest.sync.rate_limited_client import RateLimitedClient
from theseller.ingest.sync.unknown_field_records import note_drift
from theseller.lib import sql_execution
from theseller.lib.structured_logging import getLogger
from theseller.tenancy.tenant_scope import tenant_scope

log = getLogger(__name__)

#: How long failing requests are retried before they fail for good, the wait between two tries, and
#: how many may fail in one run: a failing order delays no other, and an Amazon outage ends the run.
RETRY_WINDOW, RETRY_INTERVAL, MAX_FAILURES_PER_RUN = timedelta(minutes=15), timedelta(seconds=30), 3
_OUTCOME_BY_ERROR: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], RequestOutcome], ...
] = (
    ((FeatureDisabledError, KeyDestroyedError), RequestOutcome.SWITCHED_OFF),
    (ShippedTooLongAgoError, RequestOutcome.TOO_OLD),
    (amazon.RoleMissingError, RequestOutcome.ROLE_MISSING),
    (amazon.NotFoundError, RequestOutcome.NOT_FOUND),
)
#: Errors that pass: the request is retried within the retry window.
_RETRYABLE = (
    amazon.UnavailableError,
    amazon.LWAUnavailableError,
    amazon.AccessTokenRejectedError,
    amazon.SellerUnconfirmedError,
    amazon.ClientSecretInvalidError,
    KeyStoreError,
    SecretProviderError,
)


def fetch_requested(
    *, tenant: UUID, connection: UUID, now: Callable[[], datetime]
) -> datetime | None:
    """Fetch what is requested for one connection.

    Returns when to continue, or None if no request is pending. Amazon's errors are recorded, not
    raised.
    """
    at = now()
    try:
        with open_connection(tenant, connection, at=at) as opened:
            view, requests = opened.view, pending_requests(connection)
            known = orders([connection], [request.order for request in requests], at=at)
    except ConnectionClosedError:
        return None
    client, failures = (
        RateLimitedClient(view, now=now, granted=settings.ENVIRONMENT.restricted_roles),
        0,
    )
    for request in requests:
        try:
            outcome = _fetch(client, view, known.get(request.order), now)
        except ConnectionClosedError:
            return None
        except amazon.ThrottledError as error:
            return error.not_before
        except Exception as error:  # it concerns this request only  # noqa: BLE001
            if isinstance(error, _RETRYABLE) and now() - request.requested_at < RETRY_WINDOW:
                failures += 1
                if failures == MAX_FAILURES_PER_RUN:
                    break
                continue
            outcome = _outcome_of(error)
        _record_outcome(request, outcome, tenant=tenant, connection=connection, at=now())
    return now() + RETRY_INTERVAL if failures else None


def _outcome_of(error: Exception) -> RequestOutcome:
    known = next(
        (outcome for kinds, outcome in _OUTCOME_BY_ERROR if isinstance(error, kinds)), None
    )
    if known is None:
        # Only Amazon's and our own error texts contain no values; of others only the type is
        # logged.
        reason = (
            str(error)
            if isinstance(error, (amazon.AmazonError, KeyStoreError, SecretProviderError))
            else type(error).__name__
        )
        log.error("recipient_fetch_failed", reason=reason)
    return known or RequestOutcome.AMAZON_FAILED


def _fetch(
    client: RateLimitedClient,
    view: ConnectionView,
    order: ShippableOrder | None,
    now: Callable[[], datetime],
) -> RequestOutcome:
    answered = _outcome_without_call(view, order, now())
    if answered is not None or order is None:
        return answered or RequestOutcome.NOT_YOURS
    client.pay(GET_ORDER_FOR_A_SLIP)
    body = client.call(
        GET_ORDER_FOR_A_SLIP,
        path={"orderId": order.id},
        hold=partial(_lock_consent, view.tenant, view.id),
    )
    data, drift = decode_slip_data(body)
    if drift:
        with tenant_scope(view.tenant):
            note_drift(
                drift,
                operation=GET_ORDER_FOR_A_SLIP,
                tenant=view.tenant,
                connection=view.id,
                at=now(),
            )
    if data.order_id != order.id or data.fulfilled_by != "MERCHANT" or data.cancelled:
        return RequestOutcome.NOT_YOURS
    if data.address is None:
        return RequestOutcome.NOT_GIVEN
    store_recipient(
        printed_recipient(data, data.address),
        order=order.id,
        connection=view.id,
        # Amazon returns the ship date only with the parcels, which are not requested; an order
        # can't ship before its creation.
        shipped_at=data.created_at if data.may_have_left else None,
        tenant=view.tenant,
        actor=ACTOR,
        at=now(),
    )
    return RequestOutcome.FETCHED


def _outcome_without_call(
    view: ConnectionView, order: ShippableOrder | None, at: datetime
) -> RequestOutcome | None:
    """Return the outcome if no call is needed, else None."""
    if order is None:
        return RequestOutcome.NOT_YOURS
    if not has_restricted_role():
        return RequestOutcome.ROLE_MISSING
    if shipped_too_long_ago(order.purchased_at if order.shipped else None, at=at):
        return RequestOutcome.TOO_OLD
    return RequestOutcome.FETCHED if _is_stored(view.tenant, view.id, order.id, at=at) else None


def _lock_consent(tenant: UUID, connection: UUID) -> None:
    """Keep the feature enabled until the call ends.

    Raises:
        FeatureDisabledError: the feature is off.
    """
    if (
        sql_execution.one(
            databases["default"],
            "select 1 from vault_consent where tenant_id = %s and connection_id = %s and"
            " withdrawn_at is null for share",
            [tenant, connection],
        )
        is None
    ):
        raise FeatureDisabledError


def _is_stored(tenant: UUID, connection: UUID, order: str, *, at: datetime) -> bool:
    with tenant_scope(tenant, using=USING):
        row = sql_execution.one(
            databases[USING],
            "select expires_on from pii.recipient where tenant_id = %s and connection_id = %s and"
            " order_id = %s",
            [tenant, connection, order],
        )
    return row is not None and not is_expired(row[0], at=at)


def _record_outcome(
    request: RecipientRequest,
    outcome: RequestOutcome,
    *,
    tenant: UUID,
    connection: UUID,
    at: datetime,
) -> None:
    """Store the outcome, unless the order was requested again meanwhile."""
    with tenant_scope(tenant):
        sql_execution.execute(
            databases["default"],
            "update vault_request set outcome = %s, done_at = %s where tenant_id = %s and"
            " connection_id = %s and order_id = %s and requested_at = %s and outcome is null",
            [outcome.value, at, tenant, connection, request.order, request.requested_at],
        )
