"""Refresh tokens at rest: each sealed under its connection's own data key, to its own row. Nothing outside this room opens one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from theseller.connections.models import RefreshToken
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.keys import Purpose
from theseller.crypto.sealed import open_sealed, seal
from theseller.lib.secret import Secret


def _context(tenant: UUID, connection: UUID) -> EncryptionContext:
    return EncryptionContext(
        tenant=tenant,
        table="connections_refresh_token",
        column="sealed",
        row=str(connection),
        purpose=Purpose.REFRESH_TOKEN,
        environment=settings.ENVIRONMENT.kind.value,
    )


def store_token(tenant: UUID, connection: UUID, token: Secret, *, at: datetime) -> UUID | None:
    """Seal `token` under a fresh data key, replacing any older one; return the id of the key that is now superseded, if any.

    The caller destroys the superseded key after its transaction has committed: until then the old token must stay readable.
    """
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{connection}")
    former = RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).values_list("data_key_id", flat=True).first()
    RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).delete()
    RefreshToken.objects.create(
        tenant_id=tenant, connection_id=connection, sealed=seal(key, _context(tenant, connection), token), data_key_id=key.id, sealed_at=at
    )
    return former


def reseal_token(tenant: UUID, connection: UUID, *, at: datetime) -> UUID | None:
    """Seal the token anew under a fresh data key; return the id of the key that is now superseded, None if there is no token.

    As after `store_token`, the superseded key must live until nobody can hold the old row any more.
    """
    row = RefreshToken.objects.select_for_update().filter(tenant_id=tenant, connection_id=connection).first()
    if row is None:
        return None
    context = _context(tenant, connection)
    token = open_sealed(settings.KEY_STORE, context, bytes(row.sealed))
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{connection}")
    RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).update(
        sealed=seal(key, context, token), data_key_id=key.id, sealed_at=at
    )
    return UUID(str(row.data_key_id))


def token_identity(tenant: UUID, connection: UUID) -> UUID | None:
    """Return what identifies the stored refresh token, None if the connection holds none: the id of its data key, new with each token.

    An access token that was made of another refresh token is not used, in no process: each looks here before it uses one.
    """
    key = RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).values_list("data_key_id", flat=True).first()
    return UUID(str(key)) if key is not None else None


def open_token(tenant: UUID, connection: UUID) -> Secret | None:
    """Return the refresh token, or None if the connection holds none. Raises KeyDestroyedError, CannotOpenError."""
    row = RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).first()
    if row is None:
        return None
    return open_sealed(settings.KEY_STORE, _context(tenant, connection), bytes(row.sealed))


def connections_with_token(tenant: UUID) -> frozenset[UUID]:
    """Return the connections of a tenant that hold a token."""
    return frozenset(RefreshToken.objects.filter(tenant_id=tenant).values_list("connection_id", flat=True))


def delete_token(tenant: UUID, connection: UUID) -> UUID | None:
    """Delete the token's row; return the id of its data key, which the caller destroys in the same transaction."""
    # The web's role may not read the sealed text, only say which key it needs.
    key = RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).values_list("data_key_id", flat=True).first()
    RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).delete()
    return key
