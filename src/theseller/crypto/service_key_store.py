"""A `KeyStore` over a service: wrapped key files in its storage.

Each key is wrapped by a key that never leaves the service. Nothing is cached, so that destroying a
key takes effect in every process. The order is that of `FileKeyStore`: a tombstone is written
before the key is erased and read after the key was read, so an interrupted destruction counts as
destroyed and is finished by the next call or start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import (
    CannotOpenError,
    KeyDestroyedError,
    KeyNotFoundError,
    KeyStoreError,
    ServiceError,
)
from theseller.crypto.key_file_format import KeyRecord, decode, encode
from theseller.crypto.key_types import DataKey, Purpose, checked_owner
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret


class KeyFolder(StrEnum):
    """The two folders of a key file storage."""

    KEYS = "keys"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class StoredKeyFile:
    """A key file, and when the service stored it, by its own clock."""

    content: bytes
    written_at: datetime


class KeyFileStorage(Protocol):
    """Storage of key files outside the database.

    Each method raises KeyStoreError if the service is unavailable.
    """

    def read(self, folder: KeyFolder, key_id: UUID, /) -> StoredKeyFile | None:
        """Return one file, or None if there is none."""

    def add(self, folder: KeyFolder, key_id: UUID, content: bytes, /) -> bool:
        """Store a new file atomically; return False if the ID exists."""

    def erase(self, key_id: UUID, /) -> None:
        """Remove a key's file and all its versions for good. Idempotent."""

    def ids(self, folder: KeyFolder, /) -> set[UUID]:
        """Return the IDs of all files in the folder."""

    def contents(self, folder: KeyFolder, /) -> Mapping[UUID, StoredKeyFile]:
        """Return all files in the folder.

        One that is removed meanwhile may be left out.
        """


class KeyWrapper(Protocol):
    """Wraps keys, bound to ID, purpose, owner and environment."""

    def make(self, record: KeyRecord, /) -> tuple[Secret, bytes]:
        """Return 32 new random bytes, plain and wrapped."""

    def open(self, record: KeyRecord, wrapped: bytes, /) -> Secret:
        """Return what `make` wrapped for this record.

        Raises:
            CannotOpenError: `make` did not wrap it for this record.
        """

    def identity(self, purpose: Purpose, /) -> str:
        """Return the service's own name for the purpose's wrapping key.

        Two names of one key must return the same.
        """


def wrapping_context(record: KeyRecord, environment: str) -> EncryptionContext:
    """Return the encryption context that a wrapped key is bound to.

    Raises:
        CannotOpenError: the record has no purpose.
    """
    if record.purpose is None:
        raise CannotOpenError
    return EncryptionContext(
        NO_TENANT, "keystore", "data", f"{record.id}:{record.owner}", record.purpose, environment
    )


class ServiceKeyStore:
    """A `KeyStore` whose keys are in a service that machines may share."""

    def __init__(self, storage: KeyFileStorage, wrapper: KeyWrapper) -> None:
        """Finish interrupted destructions.

        Raises:
            KeyStoreError: the service is unavailable.
        """
        self._storage = storage
        self._wrapper = wrapper
        for key_id in storage.ids(KeyFolder.KEYS) & storage.ids(KeyFolder.DESTROYED):
            storage.erase(key_id)

    def create(self, purpose: Purpose, owner: str) -> DataKey:
        """Create and store a data key for `owner`; it is stored on return.

        Raises:
            ValueError: the purpose is the root's, or the owner is empty, too long or not printable.
            KeyStoreError: the service is unavailable. A key that it may have stored all the same
                seals nothing.
        """
        record = KeyRecord(new_id(), purpose, checked_owner(purpose, owner), None)
        material, wrapped = self._wrapper.make(record)
        if not self._storage.add(KeyFolder.KEYS, record.id, encode(record, wrapped)):
            raise KeyStoreError(
                f"the service already has an object with the new key ID {record.id}"
            )
        return DataKey(record.id, purpose, material)

    def get(self, key_id: UUID, /) -> DataKey:
        """Return the key.

        Raises:
            KeyNotFoundError, KeyDestroyedError: there is none, or none any more.
            KeyStoreError: the service is unavailable, or the key is damaged.
        """
        stored = self._storage.read(KeyFolder.KEYS, key_id)
        key: DataKey | None = None
        failure: KeyStoreError | None = None
        try:
            key = None if stored is None else self._unwrap_fresh(key_id, stored)
        except CannotOpenError:
            failure = KeyStoreError(
                f"the stored key {key_id} is damaged, or was made in another environment"
            )
        except KeyStoreError as error:
            failure = error
        # Checked after reading, so that a key whose destruction has started is not returned.
        if self._storage.read(KeyFolder.DESTROYED, key_id) is not None:
            raise KeyDestroyedError(key_id)
        if failure is not None:
            raise failure
        if key is None:
            raise KeyNotFoundError(key_id)
        return key

    def destroy(self, key_id: UUID, /) -> None:
        """Write the tombstone, erase the key and verify that. Idempotent.

        Raises:
            KeyNotFoundError: this store never had it.
            KeyStoreError: the service is unavailable, or still returns the key: destroy it again.
        """
        if self._storage.read(KeyFolder.DESTROYED, key_id) is None:
            self._write_tombstone(key_id)
        self._storage.erase(key_id)
        if self._storage.read(KeyFolder.KEYS, key_id) is not None:
            raise KeyStoreError(
                f"key {key_id} was erased, and the service still gives it: destroy it again"
            )

    def exists(self, key_id: UUID, /) -> bool:
        """Return whether the key can still open something."""
        return (
            self._storage.read(KeyFolder.KEYS, key_id) is not None
            and self._storage.read(KeyFolder.DESTROYED, key_id) is None
        )

    def record(self, key_id: UUID, /) -> KeyRecord:
        """Return what is known of the key, destroyed or not.

        Raises:
            KeyNotFoundError: this store never had it.
        """
        # The tombstone is read twice: another process may destroy the key between the first two
        # reads.
        for folder in (KeyFolder.DESTROYED, KeyFolder.KEYS, KeyFolder.DESTROYED):
            stored = self._storage.read(folder, key_id)
            if stored is not None:
                return _record(folder, key_id, stored)
        raise KeyNotFoundError(key_id)

    def list(self) -> tuple[KeyRecord, ...]:
        """Return the records of all keys, destroyed ones included, oldest first.

        An ID begins with its creation time.
        """
        # Tombstones are read last and win, so that a key destroyed meanwhile is listed as
        # destroyed.
        found = {
            key_id: _record(folder, key_id, stored)
            for folder in (KeyFolder.KEYS, KeyFolder.DESTROYED)
            for key_id, stored in self._storage.contents(folder).items()
        }
        return tuple(found[key_id] for key_id in sorted(found))

    def identity(self, purpose: Purpose) -> str:
        """Return the service's own name for the purpose's wrapping key.

        Raises:
            KeyStoreError: the service is unavailable.
        """
        return self._wrapper.identity(purpose)

    def _unwrap_fresh(self, key_id: UUID, stored: StoredKeyFile) -> DataKey:
        """Unwrap a key; read it again if it was rewrapped meanwhile."""
        try:
            return self._unwrap(key_id, stored)
        except ServiceError:
            raise  # the service is unavailable; the stored key is not the cause
        except (CannotOpenError, KeyStoreError):
            again = self._storage.read(KeyFolder.KEYS, key_id)
            if again is None or again == stored:
                raise
        return self._unwrap(key_id, again)

    def _unwrap(self, key_id: UUID, stored: StoredKeyFile) -> DataKey:
        file = decode(key_id, stored.content)
        if file.record.purpose is None:
            raise KeyStoreError(f"key {key_id} has no purpose")
        return DataKey(key_id, file.record.purpose, self._wrapper.open(file.record, file.wrapped))

    def _write_tombstone(self, key_id: UUID) -> None:
        """Write the tombstone.

        A damaged key must not prevent destruction, so its record may be unknown.
        """
        stored = self._storage.read(KeyFolder.KEYS, key_id)
        if stored is None:
            if (
                self._storage.read(KeyFolder.DESTROYED, key_id) is None
            ):  # else another process was faster
                raise KeyNotFoundError(key_id)
            return
        try:
            record = decode(key_id, stored.content).record
        except KeyStoreError:
            record = KeyRecord(key_id, None, "", None)
        self._storage.add(KeyFolder.DESTROYED, key_id, encode(record, wrapped=b""))


def _record(folder: KeyFolder, key_id: UUID, stored: StoredKeyFile) -> KeyRecord:
    record = decode(key_id, stored.content).record
    return record if folder is KeyFolder.KEYS else replace(record, destroyed_at=stored.written_at)
