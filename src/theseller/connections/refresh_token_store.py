"""Store refresh tokens, each sealed under its connection's own data key.

No other package opens one.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from theseller.connections.models import RefreshToken
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.key_types import Purpose
from theseller.crypto.seal_value import open_sealed, seal
from theseller.lib.secret_type import Secret


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
    """Seal `token` under a new data key, replacing any older token.

    Returns the ID of the superseded key, if any. The caller destroys it after its transaction has
    committed: until then the old token must stay readable.
    """
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{connection}")
    former = (
        RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection)
        .values_list("data_key_id", flat=True)
        .first()
    )
    RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).delete()
    RefreshToken.objects.create(
        tenant_id=tenant,
        connection_id=connection,
        sealed=seal(key, _context(tenant, connection), token),
        data_key_id=key.id,
        sealed_at=at,
    )
    return former


def reseal_token(tenant: UUID, connection: UUID, *, at: datetime) -> UUID | None:
    """Seal the token again under a new data key.

    Returns the ID of the superseded key, None if there is no token. That key must exist until no
    transaction can have read the old row.
    """
    row = (
        RefreshToken.objects.select_for_update()
        .filter(tenant_id=tenant, connection_id=connection)
        .first()
    )
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
    """Return what identifies the stored refresh token, None without one.

    It is the ID of the token's data key, new with each token. An access token of another refresh
    token is not used: each process compares before use.
    """
    key = (
        RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection)
        .values_list("data_key_id", flat=True)
        .first()
    )
    return UUID(str(key)) if key is not None else None


def open_token(tenant: UUID, connection: UUID) -> Secret | None:
    """Return the refresh token; None if the connection has none.

    Raises:
        KeyDestroyedError, CannotOpenError: as `open_sealed`.
    """
    row = RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).first()
    if row is None:
        return None
    return open_sealed(settings.KEY_STORE, _context(tenant, connection), bytes(row.sealed))


def connections_with_token(tenant: UUID) -> frozenset[UUID]:
    """Return the tenant's connections that have a refresh token."""
    return frozenset(
        RefreshToken.objects.filter(tenant_id=tenant).values_list("connection_id", flat=True)
    )


def delete_token(tenant: UUID, connection: UUID) -> UUID | None:
    """Delete the token's row and return the ID of its data key.

    The caller destroys the key in the same transaction.
    """
    # The web role may not read the sealed text, only the ID of its key.
    key = (
        RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection)
        .values_list("data_key_id", flat=True)
        .first()
    )
    RefreshToken.objects.filter(tenant_id=tenant, connection_id=connection).delete()
    return key
