"""The protocol of key stores: create, read and destroy data keys.

`FileKeyStore` and `ServiceKeyStore` have it. Destroying a key is final.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import DataKey, Purpose


class KeyStore(Protocol):
    """Stores data keys.

    Every method may also raise KeyStoreError: the store is unavailable, and nothing is known about
    the key.
    """

    def create(self, purpose: Purpose, owner: str) -> DataKey:
        """Create and store a key; it is on the disk or in the service on return."""

    def get(self, key_id: UUID, /) -> DataKey:
        """Return the key.

        Raises:
            KeyNotFoundError, KeyDestroyedError: there is none, or none any more.
        """

    def destroy(self, key_id: UUID, /) -> None:
        """Make the key unreadable for good, in every process, before returning.

        Idempotent.

        Raises:
            KeyNotFoundError: the store never had it; a wrong store must not look like a destroyed
                key.
        """

    def exists(self, key_id: UUID, /) -> bool:
        """Return whether the key can still open something."""

    def record(self, key_id: UUID, /) -> KeyRecord:
        """Return what is known of the key, destroyed or not.

        Raises:
            KeyNotFoundError: the store never had it.
        """

    def list(self) -> tuple[KeyRecord, ...]:
        """Return the records of all keys, destroyed ones included, oldest first."""
