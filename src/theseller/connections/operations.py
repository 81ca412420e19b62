"""Start and complete an authorization; disconnect; connections of files."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.amazon.errors import AmazonError, CodeRejectedError, LWAUnavailableError
from theseller.amazon.feature_requirements import roles_for
from theseller.amazon.lwa import Grant
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections import refresh_token_store
from theseller.connections.connection_locks import lock_exclusive, lock_region
from theseller.connections.data_keys import connection_keys, destroy_keys
from theseller.connections.http_and_lwa_clients import lwa_client
from theseller.connections.models import AuthorisationAttempt, Connection, Disconnection
from theseller.connections.queries import connection_view, open_connection_in
from theseller.connections.seller_check import SellerCheck, check_seller_at_amazon, record_check
from theseller.connections.types import (
    Authorized,
    Disconnected,
    DisconnectReason,
    Origin,
    Refusal,
    Refused,
    StartedAuthorization,
)
from theseller.crypto.errors import KeyStoreError, SecretProviderError
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import MARKETPLACES, Region
from theseller.lib.secret_type import Secret
from theseller.lib.structured_logging import getLogger
from theseller.postgres.answering_connection import allow_long_answers
from theseller.tenancy.tenant_scope import renew_ticket, tenant_scope

log = getLogger(__name__)

#: Amazon ends the flow after ten minutes; an older state is an attack or an abandoned tab.
ATTEMPT_LIFETIME = timedelta(minutes=10)
#: Sellers must renew the authorization of an application every year.
AUTHORIZATION_LIFETIME = timedelta(days=365)


def start_authorization(
    *,
    features: Sequence[str],
    marketplace_id: str,
    session_key: Secret,
    person: UUID,
    tenant: UUID,
    actor: str,
    at: datetime,
) -> StartedAuthorization:
    """Create an attempt and return Seller Central's consent URL for it.

    Only hashes of `session_key` (the browser session's) and of the state are stored.

    Raises:
        KeyError: unknown feature or store.
    """
    marketplace = MARKETPLACES[marketplace_id]
    roles = roles_for(features)
    state = Secret(f"{tenant}.{secrets.token_urlsafe(32)}")
    attempt = new_id()
    with tenant_scope(tenant):
        AuthorisationAttempt.objects.create(
            tenant_id=tenant,
            id=attempt,
            state_hash=_hash(state),
            session_hash=_hash(session_key),
            user_id=person,
            marketplace_id=marketplace.id,
            features=list(features),
            roles=[role.value for role in roles],
            created_at=at,
            expires_at=at + ATTEMPT_LIFETIME,
        )
        record(
            Tag.AUTHORISATION_BEGUN,
            actor=actor,
            tenant=tenant,
            subject=f"attempt:{attempt}",
            at=at,
            details={"region": marketplace.region},
        )
    url = settings.AMAZON_ENDPOINTS.consent_url(
        marketplace,
        settings.ENVIRONMENT.application_id,
        state.reveal(),
        settings.LWA_REDIRECT_URI,
        draft=settings.ENVIRONMENT.application_is_draft,
    )
    return StartedAuthorization(attempt, url)


def complete_authorization(
    *,
    state: Secret,
    code: Secret | None,
    selling_partner_id: str,
    session_key: Secret,
    tenant: UUID,
    actor: str,
    at: datetime,
) -> Authorized | Refused:
    """Exchange the code, seal the token and open the connection.

    The state is consumed and committed before the code is used, so that neither can be used twice,
    whatever fails afterward. `code` is None if the seller declined.
    """
    attempt = _consume_state(state, session_key, tenant=tenant, actor=actor, at=at)
    if isinstance(attempt, Refused):
        return attempt
    if code is None:
        return _refuse(attempt, Refusal.DECLINED, tenant=tenant, actor=actor, at=at)
    try:
        grant = lwa_client().exchange_code(code, settings.LWA_REDIRECT_URI, at)
        region = MARKETPLACES[attempt.marketplace_id].region
        check = check_seller_at_amazon(selling_partner_id, grant.access_token.token, region, at=at)
        if check is SellerCheck.MISMATCH:
            return _refuse(attempt, Refusal.OTHER_SELLER, tenant=tenant, actor=actor, at=at)
        return _open_connection(
            attempt, grant, selling_partner_id, check, tenant=tenant, actor=actor, at=at
        )
    except AmazonError as error:
        refusal = _refusal_for(error)
    except (KeyStoreError, SecretProviderError) as error:
        # The grant is dropped: Amazon issues another at the next consent, and nothing was stored.
        log.error(
            "authorization_failed",
            reason="key_store",
            condition=error.state.value,
            detail=str(error),
        )
        refusal = Refusal.KEYS_UNAVAILABLE
    return _refuse(attempt, refusal, tenant=tenant, actor=actor, at=at)


def is_open_attempt(*, state: Secret, session_key: Secret, tenant: UUID, at: datetime) -> bool:
    """Return whether this session can still complete the attempt of `state`."""
    with tenant_scope(tenant):
        attempt = AuthorisationAttempt.objects.filter(
            tenant_id=tenant, state_hash=_hash(state)
        ).first()
    return attempt is not None and _refusal_of_attempt(attempt, session_key, at) is None


def _refusal_for(error: AmazonError) -> Refusal:
    if isinstance(error, CodeRejectedError):
        return Refusal.CODE_REJECTED
    if isinstance(error, LWAUnavailableError):
        return Refusal.AMAZON_UNAVAILABLE
    log.error("authorization_failed", reason="misconfigured", error=type(error).__name__)
    return Refusal.MISCONFIGURED


def _consume_state(
    state: Secret, session_key: Secret, *, tenant: UUID, actor: str, at: datetime
) -> AuthorisationAttempt | Refused:
    with tenant_scope(tenant):
        attempt = (
            AuthorisationAttempt.objects.select_for_update()
            .filter(tenant_id=tenant, state_hash=_hash(state))
            .first()
        )
        if attempt is None:
            record(
                Tag.AUTHORISATION_REFUSED,
                actor=actor,
                tenant=tenant,
                subject="attempt:unknown",
                at=at,
            )
            return Refused(Refusal.STATE_UNKNOWN)
        refusal = _refusal_of_attempt(attempt, session_key, at)
        if refusal is not Refusal.STATE_USED:
            AuthorisationAttempt.objects.filter(tenant_id=tenant, id=attempt.id).update(
                consumed_at=at, outcome=refusal.value if refusal else "returned"
            )
        if refusal:
            record(
                Tag.AUTHORISATION_REFUSED,
                actor=actor,
                tenant=tenant,
                subject=f"attempt:{attempt.id}",
                at=at,
                details={"why": refusal},
            )
            return Refused(refusal)
    return attempt


def _refusal_of_attempt(
    attempt: AuthorisationAttempt, session_key: Secret, at: datetime
) -> Refusal | None:
    if attempt.consumed_at is not None:
        return Refusal.STATE_USED
    if bytes(attempt.session_hash) != _hash(session_key):
        return Refusal.WRONG_SESSION
    if at >= attempt.expires_at:
        return Refusal.EXPIRED
    return None


def _refuse(
    attempt: AuthorisationAttempt, refusal: Refusal, *, tenant: UUID, actor: str, at: datetime
) -> Refused:
    with tenant_scope(tenant):
        return _refuse_in_scope(attempt, refusal, tenant=tenant, actor=actor, at=at)


def _refuse_in_scope(
    attempt: AuthorisationAttempt, refusal: Refusal, *, tenant: UUID, actor: str, at: datetime
) -> Refused:
    AuthorisationAttempt.objects.filter(tenant_id=tenant, id=attempt.id).update(
        outcome=refusal.value
    )
    record(
        Tag.AUTHORISATION_REFUSED,
        actor=actor,
        tenant=tenant,
        subject=f"attempt:{attempt.id}",
        at=at,
        details={"why": refusal},
    )
    return Refused(refusal)


def _open_connection(
    attempt: AuthorisationAttempt,
    grant: Grant,
    selling_partner_id: str,
    check: SellerCheck | None,
    *,
    tenant: UUID,
    actor: str,
    at: datetime,
) -> Authorized | Refused:
    region = MARKETPLACES[attempt.marketplace_id].region
    with tenant_scope(tenant):
        lock_region(tenant, region)
        existing = open_connection_in(region)
        if (
            existing
            and existing.origin is Origin.LWA
            and existing.selling_partner_id != selling_partner_id
        ):
            return _refuse_in_scope(
                attempt, Refusal.ALREADY_CONNECTED, tenant=tenant, actor=actor, at=at
            )
        connection = existing.id if existing else new_id()
        lock_exclusive(connection)
        former_key = _write_connection(
            connection,
            attempt,
            grant,
            selling_partner_id,
            exists=existing is not None,
            tenant=tenant,
            at=at,
        )
        record(
            Tag.CONNECTION_AUTHORISED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
            details={
                "attempt": str(attempt.id),
                "region": region.value,
                "renewed": existing is not None,
            },
        )
        if check is not None:
            record_check(check, connection=connection, tenant=tenant, at=at)
    if former_key is not None:
        _destroy_superseded_key(former_key)
    return Authorized(connection)


def _destroy_superseded_key(key: UUID) -> None:
    """Destroy the previous token's key.

    Nothing is sealed under it any more, so a failure does not undo the renewal.
    """
    try:
        settings.KEY_STORE.destroy(key)
    except KeyStoreError as error:
        log.error("superseded_key_not_destroyed", key=str(key), condition=error.state.value)


def _write_connection(
    connection: UUID,
    attempt: AuthorisationAttempt,
    grant: Grant,
    selling_partner_id: str,
    *,
    exists: bool,
    tenant: UUID,
    at: datetime,
) -> UUID | None:
    region = MARKETPLACES[attempt.marketplace_id].region
    fields = {
        "origin": Origin.LWA.value,
        "selling_partner_id": selling_partner_id,
        "marketplace_ids": _stores_of(region, first=attempt.marketplace_id),
        "features": attempt.features,
        "roles": attempt.roles,
        "authorised_at": at,
        "authorisation_expires_at": at + AUTHORIZATION_LIFETIME,
        # A new code may be another seller's: the earlier confirmation does not apply to it.
        "seller_check": None,
        "seller_checked_at": None,
    }
    if exists:
        Connection.objects.filter(tenant_id=tenant, id=connection).update(**fields)
    else:
        Connection.objects.create(
            tenant_id=tenant, id=connection, region=region.value, created_at=at, **fields
        )
    AuthorisationAttempt.objects.filter(tenant_id=tenant, id=attempt.id).update(
        outcome="authorised"
    )
    return refresh_token_store.store_token(tenant, connection, grant.refresh_token, at=at)


def connection_for_files(region: Region, *, tenant: UUID, at: datetime) -> UUID:
    """Return the open connection of imported files of `region`.

    Creates one without a token if there is none. Runs inside the caller's tenant scope. Imported
    facts are erased with this connection, as synced ones are.
    """
    lock_region(tenant, region)
    existing = open_connection_in(region)
    if existing is not None:
        return existing.id
    connection = new_id()
    Connection.objects.create(
        tenant_id=tenant,
        id=connection,
        origin=Origin.FILES.value,
        region=region.value,
        selling_partner_id="",
        marketplace_ids=_stores_of(region),
        features=[],
        roles=[],
        created_at=at,
    )
    return connection


def disconnect(
    *, connection: UUID, reason: DisconnectReason, tenant: UUID, actor: str, at: datetime
) -> Disconnected:
    """End a connection: afterward no call, no write, no readable token.

    Waits for calls in progress (`connection_locks`), then deletes the token's row, writes the
    disconnection and destroys the connection's keys, the token's last, as the last step before the
    commit. If interrupted between the two, the token is unreadable and the next use of it
    disconnects again. Idempotent.

    Raises:
        LookupError: the tenant has no such connection.
        KeyStoreError: the key can't be destroyed now, so nothing has ended; `state` tells why. Call
            it again.
    """
    with tenant_scope(tenant):
        record(
            Tag.CONNECTION_DISCONNECT_INTENDED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
            details={"reason": reason},
        )
    with tenant_scope(tenant):
        _allow_long_wait_for_lock()
        lock_exclusive(connection)
        found = connection_view(connection)
        if found is None:
            raise LookupError("this shop has no such connection")
        if found.disconnected_at is not None and found.disconnect_reason is not None:
            return Disconnected(
                connection, found.disconnected_at, found.disconnect_reason, first=False
            )
        key = refresh_token_store.delete_token(tenant, connection)
        Disconnection.objects.create(
            tenant_id=tenant,
            connection_id=connection,
            reason=reason.value,
            actor=actor,
            at=at,
            data_key_id=key,
        )
        record(
            Tag.CONNECTION_DISCONNECTED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
            details={
                "reason": reason,
                "data_key": str(key) if key else None,
                "other_keys": len(connection_keys(connection)),
            },
        )
        # The token's key last: a process that finds it destroyed disconnects again and finishes
        # this.
        destroy_keys(connection)
        if key is not None:
            settings.KEY_STORE.destroy(key)
    return Disconnected(connection, at, reason, first=True)


def _allow_long_wait_for_lock() -> None:
    # Wait longer than a call to Amazon may take; a page's statement timeout must not end the wait.
    allow_long_answers(databases["default"].connection, 60.0)
    sql_execution.execute(
        databases["default"], "SET LOCAL lock_timeout = '50s'; SET LOCAL statement_timeout = '55s'"
    )
    renew_ticket(timedelta(seconds=55))


def _stores_of(region: Region, *, first: str = "") -> list[str]:
    """Return a region's stores, first the one that the seller chose."""
    stores = [
        marketplace.id for marketplace in MARKETPLACES.values() if marketplace.region is region
    ]
    return sorted(stores, key=lambda store: store != first)


def _hash(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal_bytes()).digest()
