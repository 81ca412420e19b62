"""Access tokens for calls to Amazon, in this process's memory only.

The only module that opens refresh tokens to use them. One refresh per connection runs at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar
from uuid import UUID

from theseller.amazon.errors import AccessTokenRejectedError, AuthorizationRevokedError
from theseller.amazon.lwa import AccessToken
from theseller.connections import refresh_token_store
from theseller.connections.connection_locks import ConnectionClosedError, lock_shared
from theseller.connections.http_and_lwa_clients import lwa_client
from theseller.connections.operations import disconnect
from theseller.connections.types import ConnectionView, DisconnectReason
from theseller.crypto.errors import KeyDestroyedError
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

#: Tokens this close to expiry are not used: the call may take a while.
_EXPIRY_MARGIN = timedelta(minutes=2)

#: Idle tokens are discarded: the connection may have ended in another process, and a new token
#: costs one call.
_IDLE_LIMIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _CachedToken:
    """An access token, its refresh token's identity, and its last use."""

    access: AccessToken
    source: UUID
    used_at: datetime


_cache: dict[UUID, _CachedToken] = {}
_refresh_locks: dict[UUID, Lock] = {}
_refresh_locks_guard = Lock()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that can't end while its scope is open."""

    view: ConnectionView
    at: datetime

    def access_token(self) -> Secret:
        """Return a valid access token.

        Raises:
            ConnectionClosedError: the connection has no refresh token (imported files).
        """
        with _refresh_lock(self.view.id):
            # The seller may have authorized again, in any process: the earlier token is obsolete
            # then.
            source = refresh_token_store.token_identity(self.view.tenant, self.view.id)
            cached = _cache.get(self.view.id)
            if (
                cached is not None
                and cached.source == source
                and cached.access.expires_at > self.at + _EXPIRY_MARGIN
            ):
                _cache[self.view.id] = replace(cached, used_at=self.at)
                return cached.access.token
            _cache.pop(self.view.id, None)
            refresh_token = refresh_token_store.open_token(self.view.tenant, self.view.id)
            if refresh_token is None or source is None:
                raise ConnectionClosedError("this connection holds no authorization of Amazon's")
            fresh = lwa_client().refresh(refresh_token, self.at)
            _cache[self.view.id] = _CachedToken(fresh, source, self.at)
            return fresh.token

    def discard_access_token(self) -> None:
        """Discard the token that Amazon rejected, so that the next call refreshes."""
        _cache.pop(self.view.id, None)


def discard_stale_tokens(*, at: datetime) -> int:
    """Discard expired and idle access tokens; return how many.

    A periodic job calls it.
    """
    stale = [
        one
        for one, cached in tuple(_cache.items())
        if cached.access.expires_at <= at or cached.used_at + _IDLE_LIMIT <= at
    ]
    for one in stale:
        _cache.pop(one, None)
    return len(stale)


@contextmanager
def open_connection(tenant: UUID, connection: UUID, *, at: datetime) -> Iterator[OpenConnection]:
    """Open the tenant's scope in which `connection` stays open.

    Use it around each call and each write of facts. A revocation found inside (LWA's
    `invalid_grant`) disconnects.

    Raises:
        ConnectionClosedError: the connection has ended, before or during the block.
    """
    discard_stale_tokens(at=at)
    try:
        with tenant_scope(tenant):
            yield OpenConnection(lock_shared(connection), at)
    except AuthorizationRevokedError:
        _disconnect(
            tenant,
            connection,
            DisconnectReason.REVOKED_AT_AMAZON,
            actor="amazon:invalid_grant",
            at=at,
        )
        raise ConnectionClosedError("the seller revoked this authorization at Amazon") from None
    except KeyDestroyedError:
        # A disconnection was killed after it destroyed the key and before it committed: finish it.
        _disconnect(
            tenant, connection, DisconnectReason.SELLER_REQUEST, actor="process:recovery", at=at
        )
        raise ConnectionClosedError("this connection has ended") from None
    except ConnectionClosedError:
        _cache.pop(connection, None)
        raise


def with_access_token(opened: OpenConnection, call: Callable[[Secret], T]) -> T:
    """Run `call` with an access token; refresh and retry once if rejected."""
    try:
        return call(opened.access_token())
    except AccessTokenRejectedError:
        opened.discard_access_token()
        return call(opened.access_token())


def _disconnect(
    tenant: UUID, connection: UUID, reason: DisconnectReason, *, actor: str, at: datetime
) -> None:
    _cache.pop(connection, None)
    disconnect(connection=connection, reason=reason, tenant=tenant, actor=actor, at=at)


def _refresh_lock(connection: UUID) -> Lock:
    with _refresh_locks_guard:
        return _refresh_locks.setdefault(connection, Lock())
