"""Calling Amazon for a connection: the only place where a refresh token is opened and an access token lives.

An access token exists in this process's memory, for the time of its validity at the longest, and nowhere else. Refreshing is single-flight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar
from uuid import UUID

from theseller.amazon.errors import AccessTokenRejectedError, AuthorizationRevokedError
from theseller.amazon.lwa import AccessToken
from theseller.connections import vault
from theseller.connections.amazon_account import lwa_client
from theseller.connections.locks import ConnectionClosedError, share
from theseller.connections.operations import disconnect
from theseller.connections.types import ConnectionView, DisconnectReason
from theseller.crypto.errors import KeyDestroyedError
from theseller.lib.secret import Secret
from theseller.tenancy.scope import tenant_scope

#: A token this close to its end is not used any more: the call may take a while.
_LEEWAY = timedelta(minutes=2)

_cache: dict[UUID, AccessToken] = {}
_flights: dict[UUID, Lock] = {}
_flights_lock = Lock()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that can't end while the scope it came from is open."""

    view: ConnectionView
    at: datetime

    def access_token(self) -> Secret:
        """Return a valid access token. Raises ConnectionClosedError when the connection holds no refresh token (imported files)."""
        with _flight(self.view.id):
            cached = _cache.get(self.view.id)
            if cached is not None and cached.expires_at > self.at + _LEEWAY:
                return cached.token
            refresh_token = vault.unseal(self.view.tenant, self.view.id)
            if refresh_token is None:
                raise ConnectionClosedError("this connection holds no authorisation of Amazon's")
            _cache[self.view.id] = fresh = lwa_client().refresh(refresh_token, self.at)
            return fresh.token

    def forget_access_token(self) -> None:
        """Drop the token that Amazon rejected, so that the next call refreshes."""
        _cache.pop(self.view.id, None)


@contextmanager
def open_connection(tenant: UUID, connection: UUID, *, at: datetime) -> Iterator[OpenConnection]:
    """Open the tenant's scope in which `connection` is open and stays open. Use it around each call, and around each write of facts.

    A revocation that shows itself inside (LWA's `invalid_grant`) ends the connection by the one `disconnect` verb.

    Raises:
        ConnectionClosedError: the connection has ended, or ended just now.
    """
    try:
        with tenant_scope(tenant):
            yield OpenConnection(share(connection), at)
    except AuthorizationRevokedError:
        _end(tenant, connection, DisconnectReason.REVOKED_AT_AMAZON, actor="amazon:invalid_grant", at=at)
        raise ConnectionClosedError("the seller revoked this authorisation at Amazon") from None
    except KeyDestroyedError:
        # A disconnection was killed after it destroyed the key and before it committed: finish it.
        _end(tenant, connection, DisconnectReason.SELLER_REQUEST, actor="process:recovery", at=at)
        raise ConnectionClosedError("this connection has ended") from None
    except ConnectionClosedError:
        _cache.pop(connection, None)
        raise


def with_access_token(opened: OpenConnection, call: Callable[[Secret], T]) -> T:
    """Run `call` with an access token; when Amazon rejects the token, refresh once and run it once more."""
    try:
        return call(opened.access_token())
    except AccessTokenRejectedError:
        opened.forget_access_token()
        return call(opened.access_token())


def _end(tenant: UUID, connection: UUID, reason: DisconnectReason, *, actor: str, at: datetime) -> None:
    _cache.pop(connection, None)
    disconnect(connection=connection, reason=reason, tenant=tenant, actor=actor, at=at)


def _flight(connection: UUID) -> Lock:
    with _flights_lock:
        return _flights.setdefault(connection, Lock())
