"""Number and hashes of the journal entries, to detect missing ones.

They are stored in each backup's manifest, and compared before a restore relies on the journal.

The journal is in the key store and in files beside it. Both may have been put back from an older
copy together; the manifest of a backup was sealed outside them, and names what the journal had when
the backup was taken.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from theseller.crypto.key_store_protocol import KeyStore
from theseller.erasure.journal import Journal, read_key_store

#: Bytes of each entry's hash that a manifest stores.
_SHORT = 8


@dataclass(frozen=True, slots=True)
class Extent:
    """What a journal had when it was measured.

    An entry is a kind and an id, such as `connection:UUID`. `count` entries; `head`,
    the SHA-256 of all their hashes in order; `hashes`, one after the other, 8 bytes each.
    """

    count: int
    head: str
    hashes: bytes

    def as_document(self) -> dict[str, object]:
        """Return this as the manifest stores it."""
        return {
            "count": self.count,
            "head": self.head,
            "hashes": base64.b64encode(self.hashes).decode(),
        }


def parse(document: dict[str, object]) -> Extent:
    """Return the extent that a manifest has.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    hashes = base64.b64decode(str(document["hashes"]), validate=True)
    found = Extent(int(str(document["count"])), str(document["head"]), hashes)
    if len(found.hashes) != found.count * _SHORT:
        raise ValueError("the manifest's erasure journal is damaged")
    return found


def journal_extent(keys: KeyStore, state: Path) -> Extent:
    """Return what the journal has in the key store and in this host's files.

    Raises:
        KeyStoreError: the key store can't answer.
        JournalUnreadableError: an entry can't be read.
    """
    full = sorted(hashlib.sha256(name.encode()).digest() for name in _names(keys, state))
    return Extent(
        len(full),
        hashlib.sha256(b"".join(full)).hexdigest(),
        b"".join(one[:_SHORT] for one in full),
    )


def missing_entries(then: Extent, keys: KeyStore, state: Path) -> int:
    """Return how many of the entries that a manifest names the journal lacks.

    Raises:
        KeyStoreError: the key store can't answer.
        JournalUnreadableError: an entry can't be read.
    """
    withdrawn = {f"{kind.value}:{identity}" for kind, identity in read_key_store(keys).withdrawn}
    present = {
        hashlib.sha256(name.encode()).digest()[:_SHORT] for name in _names(keys, state) | withdrawn
    }
    return sum(
        then.hashes[at : at + _SHORT] not in present for at in range(0, len(then.hashes), _SHORT)
    )


def _names(keys: KeyStore, state: Path) -> set[str]:
    return {
        f"{kind.value}:{identity}"
        for kind, entries in Journal(keys, state).recorded().items()
        for identity in entries
    }
