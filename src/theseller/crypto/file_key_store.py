"""Data keys in files, outside the database and its backups.

Destroying a key is final; erasure relies on that. This is the default without a key service
(`service_key_store.ServiceKeyStore`)::

    <directory>/purpose/<purpose>/<id>.json     a purpose key, sealed under the root key
    <directory>/data/<id>.json                  a data key, sealed under its purpose key
    <directory>/destroyed/<id>.json             the tombstone of a data key: no material

Files have mode 0600 in folders of 0700 and are written atomically. Writers of all processes take a
lock; readers need none. A data key is read from its file each time, so that destroying it takes
effect in every process.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import (
    CannotOpenError,
    CryptoError,
    KeyDestroyedError,
    KeyNotFoundError,
    KeyStoreError,
    SecretNotFoundError,
    SecretProviderError,
    ServiceState,
)
from theseller.crypto.key_file_format import KeyRecord, decode, encode
from theseller.crypto.key_types import (
    DataKey,
    Purpose,
    checked_environment,
    checked_owner,
    new_data_key,
)
from theseller.crypto.private_files import (
    erase,
    erase_unfinished,
    file_system_time,
    locked,
    private_directory,
    read_private,
    write_private,
)
from theseller.crypto.root_keys import ROOT_KEY_NAME, parse_root_keys
from theseller.crypto.seal_value import key_id_of, open_sealed, seal
from theseller.crypto.secret_provider_protocol import SecretProvider
from theseller.lib.state_file_names import FULL

#: The owner in the files of purpose keys.
PURPOSE_KEY = "purpose key"


class FileKeyStore:
    """A `KeyStore` in a directory that processes and threads may share."""

    def __init__(self, directory: Path, root: SecretProvider, *, environment: str) -> None:
        """Open or create `directory`, and finish interrupted work in it.

        Raises:
            WrongEnvironmentError: the root key belongs to another environment.
            SecretNotFoundError: there is no root key; none is generated, since a lost one must be
                noticed.
            UnsafePermissionsError: other users could read the directory.
        """
        self._environment = checked_environment(environment)
        self._root = root
        self._roots()
        self._directory = directory
        self._purpose_keys: dict[UUID, DataKey] = {}
        with self._translate_disk_errors():
            private_directory(directory)
            self._data = private_directory(directory / "data")
            self._destroyed = private_directory(directory / "destroyed")
            self._purposes = private_directory(directory / "purpose")
        with self._translate_disk_errors(), locked(self._directory):
            self._finish_interrupted()

    def create(self, purpose: Purpose, owner: str) -> DataKey:
        """Create and store a data key for `owner`, such as ``connection:<id>``.

        Raises:
            ValueError: the purpose is the root's, or the owner is empty, too long or not printable.
        """
        checked_owner(purpose, owner)
        key = new_data_key(purpose)
        with self._translate_disk_errors(), locked(self._directory):
            wrapped = seal(
                self._current_purpose_key(purpose),
                self._context("data", key.id, purpose, owner),
                key.material,
            )
            write_private(
                self._data_path(key.id), encode(KeyRecord(key.id, purpose, owner, None), wrapped)
            )
        return key

    def get(self, key_id: UUID, /) -> DataKey:
        """Return the key.

        Raises:
            KeyNotFoundError, KeyDestroyedError: there is none, or none any more.
            KeyStoreError: its file is damaged.
        """
        key: DataKey | None = None
        failure: KeyStoreError | None = None
        try:
            with self._translate_disk_errors(), contextlib.suppress(FileNotFoundError):
                key = self._read(
                    self._data_path(key_id), lambda content: self._unwrap(key_id, content)
                )
        except CannotOpenError:
            failure = KeyStoreError(f"the file of key {key_id} in {self._data} is damaged")
        except KeyStoreError as error:
            failure = error
        # Checked after reading: the tombstone is written first, so a half-erased file counts as
        # destroyed.
        if self._tombstone_path(key_id).exists():
            raise KeyDestroyedError(key_id)
        if failure is not None:
            raise failure
        if key is None:
            raise KeyNotFoundError(key_id)
        return key

    def destroy(self, key_id: UUID, /) -> None:
        """Write the tombstone, then overwrite and remove the key.

        An interrupted destruction is finished by the next start or call.

        Raises:
            KeyNotFoundError: this store never had it.
        """
        with self._translate_disk_errors(), locked(self._directory):
            if not self._tombstone_path(key_id).exists():
                self._write_tombstone(key_id)
            if self._data_path(key_id).exists():
                erase(self._data_path(key_id))

    def exists(self, key_id: UUID, /) -> bool:
        """Return whether the key can still open something."""
        return self._data_path(key_id).exists() and not self._tombstone_path(key_id).exists()

    def record(self, key_id: UUID, /) -> KeyRecord:
        """Return what is known of the key, destroyed or not.

        Raises:
            KeyNotFoundError: this store never had it.
        """
        # The tombstone is read twice: another process may destroy the key between the first two
        # reads.
        failure: CryptoError = KeyNotFoundError(key_id)
        for path in (
            self._tombstone_path(key_id),
            self._data_path(key_id),
            self._tombstone_path(key_id),
        ):
            try:
                with self._translate_disk_errors(), contextlib.suppress(FileNotFoundError):
                    return decode(key_id, read_private(path)).record
            except KeyStoreError as error:
                failure = error  # Damaged, or being overwritten: then its tombstone exists already.
        raise failure

    def list(self) -> tuple[KeyRecord, ...]:
        """Return the records of all keys, destroyed ones included, oldest first.

        An ID begins with its creation time.
        """
        ids = {
            UUID(path.stem)
            for folder in (self._data, self._destroyed)
            for path in folder.glob("*.json")
        }
        return tuple(self.record(key_id) for key_id in sorted(ids))

    @contextlib.contextmanager
    def _translate_disk_errors(self) -> Iterator[None]:
        """Raise disk errors as KeyStoreError, distinct from a missing key."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.EROFS:
                raise KeyStoreError(
                    f"the key store {self._directory} is on a read-only disk: without a writable"
                    " disk, use a key service (THESELLER_KEY_STORE=vault or aws)",
                    ServiceState.NOT_SET_UP,
                ) from None
            if error.errno in FULL:
                raise KeyStoreError(
                    f"the disk of the key store {self._directory} is full, and nothing was changed"
                    " there: free some space",
                    ServiceState.UNREACHABLE,
                ) from error
            raise KeyStoreError(
                f"the key store {self._directory} does not answer: {error.strerror}",
                ServiceState.UNREACHABLE,
            ) from error

    def _data_path(self, key_id: UUID) -> Path:
        return self._data / f"{key_id}.json"

    def _tombstone_path(self, key_id: UUID) -> Path:
        return self._destroyed / f"{key_id}.json"

    def _context(
        self, column: str, key_id: UUID, purpose: Purpose, owner: str
    ) -> EncryptionContext:
        """Return the context that binds a wrapped key to its ID and owner.

        An ID has a fixed length, so the row is unambiguous.
        """
        return EncryptionContext(
            NO_TENANT, "keystore", column, f"{key_id}:{owner}", purpose, self._environment
        )

    def _write_tombstone(self, key_id: UUID) -> None:
        """Write the tombstone.

        A damaged key file must not prevent destruction, so its record may be unknown.
        """
        purpose: Purpose | None
        try:
            found = decode(key_id, read_private(self._data_path(key_id))).record
            purpose, owner = found.purpose, found.owner
        except FileNotFoundError:
            raise KeyNotFoundError(key_id) from None
        except KeyStoreError:
            purpose, owner = None, ""
        at = file_system_time(self._directory)
        write_private(
            self._tombstone_path(key_id), encode(KeyRecord(key_id, purpose, owner, at), wrapped=b"")
        )

    def _finish_interrupted(self) -> None:
        for folder in (
            self._data,
            self._destroyed,
            *(path for path in self._purposes.iterdir() if path.is_dir()),
        ):
            erase_unfinished(folder)
        for tombstone in self._destroyed.glob("*.json"):
            if (self._data / tombstone.name).exists():
                erase(self._data / tombstone.name)

    def _unwrap(self, key_id: UUID, content: bytes) -> DataKey:
        file = decode(key_id, content)
        if file.record.purpose is None:
            raise KeyStoreError("a key without a purpose")
        purpose_key = self._purpose_key(file.record.purpose, key_id_of(file.wrapped))
        context = self._context("data", key_id, file.record.purpose, file.record.owner)
        return DataKey(
            key_id,
            file.record.purpose,
            open_sealed(_KeyRing((purpose_key,)), context, file.wrapped),
        )

    def _current_purpose_key(self, purpose: Purpose) -> DataKey:
        """Return the newest key of this purpose; create it if there is none.

        The caller holds the lock.
        """
        folder = private_directory(self._purposes / purpose.value)
        ids = sorted(UUID(path.stem) for path in folder.glob("*.json"))
        if ids:
            return self._purpose_key(purpose, ids[-1])
        key = new_data_key(purpose)
        root = self._roots()[0]
        wrapped = seal(
            root, self._context(purpose.value, key.id, Purpose.ROOT, PURPOSE_KEY), key.material
        )
        write_private(
            folder / f"{key.id}.json",
            encode(KeyRecord(key.id, purpose, PURPOSE_KEY, None), wrapped),
        )
        return key

    def _purpose_key(self, purpose: Purpose, key_id: UUID) -> DataKey:
        path = self._purposes / purpose.value / f"{key_id}.json"
        known = self._purpose_keys.get(key_id)
        if known is not None and path.exists():  # A retired key must not stay in memory.
            return known
        self._purpose_keys.pop(key_id, None)
        try:
            key = self._read(
                path, lambda content: self._unwrap_purpose_key(purpose, key_id, content)
            )
        except FileNotFoundError:
            raise KeyStoreError(
                f"the {purpose} key {key_id} is missing from {self._purposes}: restore the folder,"
                " never from another store"
            ) from None
        except (SecretNotFoundError, SecretProviderError) as error:
            state = (
                error.state if isinstance(error, SecretProviderError) else ServiceState.NOT_SET_UP
            )
            raise KeyStoreError(f"the root key is unavailable: {error}", state) from error
        except CannotOpenError:
            raise KeyStoreError(
                f"the {purpose} keys in {self._directory} cannot be opened with this root key:"
                f" put back the one they were made with as secret {ROOT_KEY_NAME!r}"
            ) from None
        self._purpose_keys[key_id] = key
        return key

    def _unwrap_purpose_key(self, purpose: Purpose, key_id: UUID, content: bytes) -> DataKey:
        context = self._context(purpose.value, key_id, Purpose.ROOT, PURPOSE_KEY)
        return DataKey(
            key_id,
            purpose,
            open_sealed(_KeyRing(self._roots()), context, decode(key_id, content).wrapped),
        )

    def _read(self, path: Path, unwrap: Callable[[bytes], DataKey]) -> DataKey:
        """Return the key in `path`.

        A rotation may rewrap it, and retire the wrapping key, between reading and unwrapping.
        """
        content = read_private(path)
        try:
            return unwrap(content)
        except (CannotOpenError, KeyStoreError):
            again = read_private(path)
            if again == content:
                raise
            return unwrap(again)

    def _roots(self) -> tuple[DataKey, ...]:
        return parse_root_keys(self._root.get(ROOT_KEY_NAME), self._environment)


@dataclass(frozen=True, slots=True)
class _KeyRing:
    """A few keys, found by their IDs."""

    keys: tuple[DataKey, ...]

    def get(self, key_id: UUID, /) -> DataKey:
        for key in self.keys:
            if key.id == key_id:
                return key
        raise KeyNotFoundError(key_id)
