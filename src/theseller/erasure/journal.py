"""The erasure journal: what was erased, stored outside the database.

A restored database is erased again by it.

Each entry is written twice before anything of its subject is deleted. In the key store it is a key
that was made and destroyed at once: its tombstone stays, its owner's name is the entry, and all
hosts that share a key service read it. On this host it is a small file in `erasures/` of the state
folder (0700/0600). Entries hold ids and dates only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings

from theseller.connections.types import DisconnectReason
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import Purpose
from theseller.crypto.private_files import erase
from theseller.erasure import journal_files
from theseller.erasure.types import JournalEntry, JournalLink, JournalUnreadableError, SubjectKind

PREFIX = "erasure-journal:"
_LINK, _WITHDRAWN = "link", "withdrawn"
_CONNECTION_KEY = "connection:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _empty() -> dict[SubjectKind, dict[UUID, JournalEntry]]:
    return {kind: {} for kind in SubjectKind}


@dataclass(slots=True)
class KeyStoreEntries:
    """Every entry of a key store, by kind and id.

    A host's file of one that was `withdrawn` no longer counts.
    """

    entries: dict[SubjectKind, dict[UUID, JournalEntry]] = field(default_factory=_empty)
    withdrawn: set[tuple[SubjectKind, UUID]] = field(default_factory=set)


class Journal:
    """A deployment's journal: a key store, and the files of one state folder."""

    def __init__(self, keys: KeyStore, state: Path) -> None:
        self.keys = keys
        self.state = state

    def write(self, entry: JournalEntry) -> None:
        """Write one entry if it was not written yet.

        It is written to the key store first, then to this host's disk. A user's entry that another
        host withdrew is written again: this host's file of it does not count.

        Raises:
            KeyStoreError: the key store can't answer. Nothing may be erased yet.
        """
        written = journal_files.path_of(self.state, entry.kind, entry.id).exists()
        if not written or self._was_withdrawn(entry):
            self.publish(entry)
            journal_files.write(self.state, entry)

    def _was_withdrawn(self, entry: JournalEntry) -> bool:
        """Return whether a host withdrew the entry, and none wrote it again since."""
        if entry.kind is not SubjectKind.USER:
            return False  # Others are never withdrawn.
        stored = read_key_store(self.keys)
        withdrawn = (entry.kind, entry.id) in stored.withdrawn
        return withdrawn and entry.id not in stored.entries[entry.kind]

    def publish(self, entry: JournalEntry) -> None:
        """Write one entry to the key store, its links first.

        Repeating it is harmless.

        Raises:
            KeyStoreError: the key store can't answer.
        """
        for link in entry.links:
            self._tombstone(
                _LINK,
                entry.id,
                entry.kind.value,
                link.token_hash.hex(),
                _number(link.made_at),
                _number(link.expires_at),
            )
        fields: tuple[str, ...]
        if entry.kind is SubjectKind.CONNECTION:
            fields = (
                str(entry.tenant or ""),
                _number(entry.at),
                entry.reason.value if entry.reason else "",
            )
        else:
            fields = _number(entry.at), "own" if entry.own_request else ""
        self._tombstone(entry.kind.value, entry.id, *fields)

    def withdraw(self, kind: SubjectKind, identity: UUID) -> None:
        """Take back an entry whose erasure did not take place.

        An entry counts if it is later than its last withdrawal.
        """
        if identity in read_key_store(self.keys).entries[kind]:
            self.publish_withdrawal(kind, identity)
        path = journal_files.path_of(self.state, kind, identity)
        if path.exists():
            erase(path)

    def publish_withdrawal(self, kind: SubjectKind, identity: UUID) -> None:
        """Write to the key store that earlier entries of a subject do not count."""
        self._tombstone(_WITHDRAWN, identity, kind.value)

    def entries(self, kind: SubjectKind) -> tuple[JournalEntry, ...]:
        """Return every entry of a kind, the oldest first.

        They are in the key store and in this host's files.

        A connection whose only keys are destroyed has ended too, even if the machine failed before
        its entry was written.

        Raises:
            JournalUnreadableError: one can't be read. Nothing may be restored until it is put back.
            KeyStoreError: the key store can't answer.
        """
        found = (
            {entry.id: entry for entry in self._of_destroyed_keys()}
            if kind is SubjectKind.CONNECTION
            else {}
        )
        found |= self.recorded()[kind]
        return tuple(sorted(found.values(), key=lambda entry: (entry.at, entry.id)))

    def recorded(self) -> dict[SubjectKind, dict[UUID, JournalEntry]]:
        """Return the entries that were written as such, by kind and id.

        Raises:
            JournalUnreadableError: one can't be read.
            KeyStoreError: the key store can't answer.
        """
        stored, found = read_key_store(self.keys), _empty()
        for kind in SubjectKind:
            found[kind] = dict(stored.entries[kind])
            for entry in journal_files.read_all(self.state, kind):
                if (kind, entry.id) not in stored.withdrawn:
                    found[kind].setdefault(entry.id, entry)
        return found

    def complete(self, begun: Iterable[JournalEntry]) -> int:
        """Write each entry that the key store or this host's files lack.

        The key store has the entries of all hosts, files those from before the key store had any,
        and a database that is newer than a restored state folder has its own records.

        Args:
            begun: the entries of the erasures that the database has begun.

        Returns:
            How many entries the key store lacked.

        Raises:
            KeyStoreError: it can't answer. What was written stays, and the next call continues.
            JournalUnreadableError: an entry is damaged, or of a later version.
        """
        stored, recorded, missing = read_key_store(self.keys), self.recorded(), 0
        for entry in begun:
            recorded[entry.kind].setdefault(entry.id, entry)
        for kind, entries in recorded.items():
            for entry in entries.values():
                if entry.id not in stored.entries[kind]:
                    self.publish(entry)
                    missing += 1
                if not journal_files.path_of(self.state, kind, entry.id).exists():
                    journal_files.write(self.state, entry)
        return missing

    def _of_destroyed_keys(self) -> list[JournalEntry]:
        destroyed: dict[UUID, datetime] = {}
        living: set[UUID] = set()
        for record in self.keys.list():
            if not record.owner.startswith(_CONNECTION_KEY):
                continue
            connection = UUID(record.owner.removeprefix(_CONNECTION_KEY))
            if record.destroyed_at is None:
                living.add(
                    connection
                )  # An older key of it was replaced; the connection did not end.
            else:
                destroyed[connection] = max(
                    record.destroyed_at, destroyed.get(connection, record.destroyed_at)
                )
        return [
            JournalEntry(SubjectKind.CONNECTION, one, at)
            for one, at in destroyed.items()
            if one not in living
        ]

    def _tombstone(self, kind: str, identity: UUID, *fields: str) -> None:
        """Make and destroy a key.

        If killed in between, the key exists, seals nothing, and counts as an entry all the same.
        """
        key = self.keys.create(Purpose.AUDIT, f"{PREFIX}{':'.join((kind, str(identity), *fields))}")
        self.keys.destroy(key.id)


def journal() -> Journal:
    """Return this deployment's journal."""
    return Journal(settings.KEY_STORE, settings.ENVIRONMENT.state)


def read_key_store(keys: KeyStore) -> KeyStoreEntries:
    """Return every entry that a key store has.

    Raises:
        KeyStoreError: it can't answer.
        JournalUnreadableError: an entry can't be read: it is damaged, or a later version wrote it.
    """
    found, links = KeyStoreEntries(), dict[tuple[SubjectKind, UUID], list[JournalLink]]()
    # Oldest first, as the store lists them: what comes later counts.
    for record in keys.list():
        if record.owner.startswith(PREFIX):
            try:
                _add(found, links, record.owner)
            except (ValueError, IndexError, KeyError, OverflowError):
                # The text of the original error would quote the entry.
                raise JournalUnreadableError(
                    f"the erasure journal's entry under key {record.id} of the key store can't be"
                    " read: it is damaged, or a later version of TheSeller wrote it, and only that"
                    " one can go on"
                ) from None
    # Last, since keys that were made in one millisecond are listed in any order.
    for (kind, identity), of_subject in links.items():
        entries = found.entries[kind]
        if identity in entries:
            entries[identity] = dataclasses.replace(
                entries[identity], links=tuple(dict.fromkeys(of_subject))
            )
    return found


def _add(
    found: KeyStoreEntries, links: dict[tuple[SubjectKind, UUID], list[JournalLink]], owner: str
) -> None:
    """Add one entry.

    Raises:
        ValueError, IndexError, KeyError, OverflowError: it can't be read.
    """
    kind, identity, fields = _parsed(owner)
    if kind == SubjectKind.CONNECTION:
        tenant, at, reason = fields
        entry = JournalEntry(
            SubjectKind.CONNECTION,
            identity,
            _time(at),
            UUID(tenant) if tenant else None,
            DisconnectReason(reason) if reason else None,
        )
        found.entries[SubjectKind.CONNECTION].setdefault(identity, entry)
    elif kind == _WITHDRAWN:
        found.entries[SubjectKind(fields[0])].pop(identity, None)
        found.withdrawn.add((SubjectKind(fields[0]), identity))
    elif kind == _LINK:
        link = JournalLink(bytes.fromhex(fields[1]), _time(fields[2]), _time(fields[3]))
        links.setdefault((SubjectKind(fields[0]), identity), []).append(link)
    else:
        found.entries[SubjectKind(kind)][identity] = JournalEntry(
            SubjectKind(kind), identity, _time(fields[0]), own_request=fields[1] == "own"
        )


def _parsed(owner: str) -> tuple[str, UUID, list[str]]:
    kind, identity, *fields = owner.removeprefix(PREFIX).split(":")
    if kind not in {_LINK, _WITHDRAWN, *SubjectKind}:
        raise ValueError("not a kind of this version")
    return kind, UUID(identity), fields


def _number(at: datetime) -> str:
    """Return the microseconds since 1970.

    An owner's name may hold no colon besides those between its fields.
    """
    return str((at - _EPOCH) // timedelta(microseconds=1))


def _time(number: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(number))
