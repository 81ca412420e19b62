"""Secrets of authenticator apps at rest.

Each is sealed to its own row under the deployment's one key for second factors. There is one key,
not one for each person: a secret is deleted with its row, and it does not belong to a tenant.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_value import open_sealed, seal
from theseller.lib.secret_type import Secret

#: The owner of the key in the key store.
OWNER = "second-factors"


def _place(row: UUID) -> EncryptionContext:
    return EncryptionContext(
        tenant=NO_TENANT,
        table="accounts_authenticator",
        column="sealed",
        row=str(row),
        purpose=Purpose.MFA,
        environment=settings.ENVIRONMENT.kind.value,
    )


def keys() -> list[KeyRecord]:
    """Return the keys for second factors that are not destroyed.

    The oldest is first; the last one seals.
    """
    return [
        one
        for one in settings.KEY_STORE.list()
        if one.purpose is Purpose.MFA and one.owner == OWNER and not one.destroyed
    ]


def new_key() -> DataKey:
    """Create a key that seals from now on."""
    return settings.KEY_STORE.create(Purpose.MFA, OWNER)


def sealed(row: UUID, secret: Secret) -> tuple[bytes, UUID]:
    """Seal `secret` to the row `row`; return the message and its key's id."""
    living = keys()
    key = settings.KEY_STORE.get(living[-1].id) if living else new_key()
    return seal(key, _place(row), secret), key.id


def unsealed(row: UUID, message: bytes) -> Secret:
    """Return the secret of the row `row`.

    Raises:
        CannotOpenError: the message is not the one that was sealed to this row.
        KeyDestroyedError: its key was destroyed.
    """
    return open_sealed(settings.KEY_STORE, _place(row), message)
