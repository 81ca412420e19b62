"""The erasure journal in the key store: what every host of a deployment can read, and no restored database changes.

The files in `erasures/` belong to one host. Each entry is therefore also a key that was made and destroyed at once: its tombstone stays for
good, and its owner's name is the entry. With a key service all hosts share it; with files it is copied with `keys/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from theseller.connections.types import DisconnectReason
from theseller.crypto.keys import Purpose
from theseller.crypto.keystore import KeyStore
from theseller.erasure.types import SubjectKind

PREFIX = "erasure-journal:"
_LINK, _WITHDRAWN = "link", "withdrawn"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JournalUnreadableError(ValueError):
    """An entry of the erasure journal can't be read. The text says which and what to do; it holds ids only."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection that has ended. `tenant` and `reason` are None if only the key store's own tombstone of its key tells of it."""

    connection: UUID
    tenant: UUID | None
    at: datetime
    reason: DisconnectReason | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a proof, by the hash of its token."""

    token_hash: bytes
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One end of a shop or a person. `own_wish`: a person asked for it, and did not just lose their last shop. `links` lead to its proof."""

    id: UUID
    at: datetime
    own_wish: bool
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """Every entry of the key store, by what has ended. `withdrawn`: a host's file about one of these counts no more."""

    connections: dict[UUID, Ended] = field(default_factory=dict)
    ends: dict[SubjectKind, dict[UUID, Entry]] = field(default_factory=lambda: {SubjectKind.TENANT: {}, SubjectKind.USER: {}})
    withdrawn: set[tuple[SubjectKind, UUID]] = field(default_factory=set)


def publish_connection(keys: KeyStore, ended: Ended) -> None:
    """Write that a connection has ended; it is in the key store when this returns. Again is harmless."""
    reason = ended.reason.value if ended.reason else ""
    _write(keys, SubjectKind.CONNECTION.value, ended.connection, str(ended.tenant or ""), _number(ended.at), reason)


def publish_end(keys: KeyStore, kind: SubjectKind, entry: Entry) -> None:
    """Write that a shop or a person has ended, its links first. Again is harmless."""
    for link in entry.links:
        _write(keys, _LINK, entry.id, kind.value, link.token_hash.hex(), _number(link.made_at), _number(link.expires_at))
    _write(keys, kind.value, entry.id, _number(entry.at), "own" if entry.own_wish else "")


def withdraw(keys: KeyStore, kind: SubjectKind, identity: UUID) -> None:
    """Take back what was written before an end that did not take place: an entry counts if it is later than its last withdrawal."""
    _write(keys, _WITHDRAWN, identity, kind.value)


def read_journal(keys: KeyStore) -> Journal:
    """Return every entry that the key store has.

    Raises:
        KeyStoreError: it can't answer.
        JournalUnreadableError: an entry can't be read: it is damaged, or a later version wrote it.
    """
    found, links = Journal(), dict[tuple[str, UUID], list[Link]]()
    # Oldest first, as the store lists them: what comes later counts.
    for record in keys.list():
        if record.owner.startswith(PREFIX):
            try:
                _take(found, links, record.owner)
            except (ValueError, IndexError, KeyError, OverflowError):
                # The text of a foreign error would quote the entry.
                raise JournalUnreadableError(
                    f"the erasure journal's entry under key {record.id} of the key store can't be read: it is damaged, or a later version"
                    " of TheSeller wrote it, and only that one can go on"
                ) from None
    return found


def _take(found: Journal, links: dict[tuple[str, UUID], list[Link]], owner: str) -> None:
    """Add one entry. Raises ValueError, IndexError, KeyError, OverflowError if it can't be read."""
    kind, identity, fields = _parsed(owner)
    if kind == SubjectKind.CONNECTION:
        tenant, at, reason = fields
        ended = Ended(identity, UUID(tenant) if tenant else None, _time(at), DisconnectReason(reason) if reason else None)
        found.connections.setdefault(identity, ended)
    elif kind == _WITHDRAWN:
        found.ends[SubjectKind(fields[0])].pop(identity, None)
        found.withdrawn.add((SubjectKind(fields[0]), identity))
    elif kind == _LINK:
        link = Link(bytes.fromhex(fields[1]), _time(fields[2]), _time(fields[3]))
        links.setdefault((fields[0], identity), []).append(link)
    else:
        known = tuple(dict.fromkeys(links.get((kind, identity), ())))
        found.ends[SubjectKind(kind)][identity] = Entry(identity, _time(fields[0]), fields[1] == "own", known)


def _write(keys: KeyStore, kind: str, identity: UUID, *fields: str) -> None:
    """Leave a tombstone. Killed in between, the key lives, seals nothing, and counts as an entry all the same."""
    key = keys.create(Purpose.AUDIT, f"{PREFIX}{':'.join((kind, str(identity), *fields))}")
    keys.destroy(key.id)


def _parsed(owner: str) -> tuple[str, UUID, list[str]]:
    kind, identity, *fields = owner.removeprefix(PREFIX).split(":")
    if kind not in {_LINK, _WITHDRAWN, *SubjectKind}:
        raise ValueError("not a kind of this version")
    return kind, UUID(identity), fields


def _number(at: datetime) -> str:
    return str((at - _EPOCH) // timedelta(microseconds=1))


def _time(number: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(number))
