"""Rotate root and purpose keys of a file key store while it is in use.

Each level is random, so a new root key rewraps purpose keys only, and a new purpose key rewraps
data keys only; no sealed value changes. Files are replaced atomically, so an interruption leaves
each key under the old one or the new one, and the same call continues.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self
from uuid import UUID

from theseller.crypto.errors import KeyStoreError
from theseller.crypto.file_key_store import PURPOSE_KEY, FileKeyStore
from theseller.crypto.key_file_format import KeyRecord, decode, encode
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.private_files import (
    erase,
    locked,
    private_directory,
    read_private,
    write_private,
)
from theseller.crypto.seal_value import key_id_of, seal


class RotatableKeyStore(FileKeyStore):
    """A `FileKeyStore` with the operations that rotate its keys."""

    @classmethod
    def of(cls, store: FileKeyStore) -> Self:
        """Open the directory of `store` for rotation."""
        # the same class, a level up
        return cls(store._directory, store._root, environment=store._environment)  # noqa: SLF001

    def purpose_keys(self) -> dict[Purpose, tuple[UUID, ...]]:
        """Return the IDs of the purpose keys, oldest first; the last one wraps."""
        found = {purpose: self._purpose_ids(purpose) for purpose in Purpose}
        return {purpose: ids for purpose, ids in found.items() if ids}

    def describe_purpose_keys(
        self, describe: Callable[[DataKey], str]
    ) -> dict[Purpose, frozenset[str]]:
        """Return the result of `describe` for each purpose key.

        Raises:
            KeyStoreError: a key can't be opened.
        """
        return {
            purpose: frozenset(describe(self._purpose_key(purpose, key_id)) for key_id in ids)
            for purpose, ids in self.purpose_keys().items()
        }

    def under_root(self, root: UUID) -> int:
        """Return how many purpose keys the root key `root` wraps."""
        return sum(self._wrapped_by(path) == root for path in self._purpose_files())

    def under_purpose_key(self, key_id: UUID) -> int:
        """Return how many data keys the purpose key `key_id` wraps."""
        return sum(self._wrapped_by(path) == key_id for path in self._data.glob("*.json"))

    def rewrap_purpose_keys(self) -> int:
        """Wrap all purpose keys by the first root key; return how many changed."""
        wrapped = 0
        for path in self._purpose_files():
            with self._translate_disk_errors(), locked(self._directory):
                root, purpose, key_id = self._roots()[0], Purpose(path.parent.name), UUID(path.stem)
                if self._wrapped_by(path) != root.id:
                    key = self._purpose_key(purpose, key_id)
                    sealed = seal(
                        root,
                        self._context(purpose.value, key_id, Purpose.ROOT, PURPOSE_KEY),
                        key.material,
                    )
                    write_private(
                        path, encode(KeyRecord(key_id, purpose, PURPOSE_KEY, None), sealed)
                    )
                    wrapped += 1
        return wrapped

    def new_purpose_key(self, purpose: Purpose) -> UUID:
        """Create the purpose key that wraps from now on, and return its ID.

        Raises:
            KeyStoreError: the clock is behind the newest key's, so the new key would not count as
                the newest.
        """
        with self._translate_disk_errors(), locked(self._directory):
            ids = self._purpose_ids(purpose)
            key = new_data_key(purpose)
            if ids and key.id <= ids[-1]:
                raise KeyStoreError(
                    "this machine's clock is behind the newest key's: set it right, then rotate"
                    " again"
                )
            folder = private_directory(self._purposes / purpose.value)
            sealed = seal(
                self._roots()[0],
                self._context(purpose.value, key.id, Purpose.ROOT, PURPOSE_KEY),
                key.material,
            )
            write_private(
                folder / f"{key.id}.json",
                encode(KeyRecord(key.id, purpose, PURPOSE_KEY, None), sealed),
            )
        return key.id

    def rewrap_data_keys(self, purpose: Purpose) -> int:
        """Wrap all data keys by the newest purpose key; return how many changed."""
        wrapped, newest = 0, self._purpose_ids(purpose)[-1]
        for path in self._data.glob("*.json"):
            # Lock for one key at a time: creating or destroying a key must not wait for all.
            with (
                self._translate_disk_errors(),
                contextlib.suppress(FileNotFoundError),
                locked(self._directory),
            ):
                content = read_private(path)
                record = decode(UUID(path.stem), content).record
                if (
                    record.purpose is purpose
                    and self._wrapped_by(path) != newest
                    and not self._tombstone_path(record.id).exists()
                ):
                    key = self._unwrap(record.id, content)
                    context = self._context("data", record.id, purpose, record.owner)
                    write_private(
                        path,
                        encode(
                            record, seal(self._purpose_key(purpose, newest), context, key.material)
                        ),
                    )
                    wrapped += 1
        return wrapped

    def retire_purpose_keys(self, purpose: Purpose) -> int:
        """Erase older purpose keys that wrap nothing; return how many remain."""
        kept = 0
        with self._translate_disk_errors(), locked(self._directory):
            for key_id in self._purpose_ids(purpose)[:-1]:
                if self.under_purpose_key(key_id):
                    kept += 1
                else:
                    erase(self._purposes / purpose.value / f"{key_id}.json")
        return kept

    def _purpose_ids(self, purpose: Purpose) -> tuple[UUID, ...]:
        return tuple(
            sorted(UUID(path.stem) for path in (self._purposes / purpose.value).glob("*.json"))
        )

    def _purpose_files(self) -> Iterator[Path]:
        yield from sorted(self._purposes.glob("*/*.json"))

    def _wrapped_by(self, path: Path) -> UUID | None:
        """Return the ID of the key that wraps the key in `path`.

        None if it has been destroyed meanwhile.
        """
        try:
            return key_id_of(decode(UUID(path.stem), read_private(path)).wrapped)
        except FileNotFoundError:
            return None
        except KeyStoreError:
            if self._tombstone_path(UUID(path.stem)).exists():
                return None
            raise
