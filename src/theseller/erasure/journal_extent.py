"""How much the erasure journal holds: stored in each backup's manifest, and compared before a restore relies on the journal at hand.

The journal is in the key store and in files beside it. Both may have been put back from an older copy together; the manifest of a backup
was sealed outside them, and names what the journal had when the backup was taken.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from theseller.crypto.keystore import KeyStore
from theseller.erasure.connection_journal import journal_folder, local_connections
from theseller.erasure.journal import read_journal
from theseller.erasure.subject_journal import local_entries
from theseller.erasure.types import SubjectKind

#: Bytes of each entry's hash that a manifest stores.
_SHORT = 8
_ENDS = (SubjectKind.TENANT, SubjectKind.USER)


@dataclass(frozen=True, slots=True)
class Extent:
    """What a journal had: `count` entries, `head`, the SHA-256 of all their hashes in order, and `hashes`, one after the other, shortened.

    An entry is the kind and the id of what has ended, such as `connection:UUID`.
    """

    count: int
    head: str
    hashes: bytes

    def as_document(self) -> dict[str, object]:
        """Return this as the manifest has it."""
        return {"count": self.count, "head": self.head, "hashes": base64.b64encode(self.hashes).decode()}


def parse(document: dict[str, object]) -> Extent:
    """Return the extent that a manifest has. Raises KeyError, TypeError, ValueError if it is damaged."""
    found = Extent(int(str(document["count"])), str(document["head"]), base64.b64decode(str(document["hashes"]), validate=True))
    if len(found.hashes) != found.count * _SHORT:
        raise ValueError("the manifest's erasure journal is damaged")
    return found


def journal_extent(keys: KeyStore, state: Path) -> Extent:
    """Return what the journal has now, in the key store and in this host's files.

    Raises:
        KeyStoreError: the key store can't answer.
        JournalUnreadableError: an entry can't be read.
    """
    full = sorted(hashlib.sha256(name.encode()).digest() for name in _entries(keys, state))
    return Extent(len(full), hashlib.sha256(b"".join(full)).hexdigest(), b"".join(one[:_SHORT] for one in full))


def missing_entries(then: Extent, keys: KeyStore, state: Path) -> int:
    """Return how many of the entries that a manifest names the journal at hand has not. Raises as `journal_extent` does."""
    withdrawn = {f"{kind.value}:{identity}" for kind, identity in read_journal(keys).withdrawn}
    at_hand = {hashlib.sha256(name.encode()).digest()[:_SHORT] for name in _entries(keys, state) | withdrawn}
    return sum(then.hashes[at : at + _SHORT] not in at_hand for at in range(0, len(then.hashes), _SHORT))


def _entries(keys: KeyStore, state: Path) -> set[str]:
    journal = read_journal(keys)
    found = {(SubjectKind.CONNECTION, one) for one in journal.connections}
    found |= {(SubjectKind.CONNECTION, one.connection) for one in local_connections(journal_folder(state))}
    for kind in _ENDS:
        found |= {(kind, one) for one in journal.ends[kind]}
        found |= {(kind, one.id) for one in local_entries(kind) if (kind, one.id) not in journal.withdrawn}
    return {f"{kind.value}:{identity}" for kind, identity in found}
