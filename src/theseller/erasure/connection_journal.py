"""The erasure ledger outside the database: which connections ended, so that a restored database can be made to forget them again.

One small file for each ended connection, in a folder of its own beside the key store (0700/0600), written whole before anything of it is
erased. It names ids and dates only, and is in the key store, too (`journal.py`), for the other hosts. The key store is a second witness: a connection whose only keys are destroyed has ended, too, even
if the machine died before the ledger was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from theseller.connections.types import DisconnectReason
from theseller.crypto.errors import UnsafePermissionsError
from theseller.crypto.keystore import KeyStore
from theseller.crypto.private_files import locked, private_directory, read_private, write_private
from theseller.erasure.journal import Ended, JournalUnreadableError, publish_connection, read_journal

_OWNER = "connection:"


def journal_folder(state: Path) -> Path:
    """Return where this deployment's ledger lies."""
    return state / "erasures"


def write_entry(folder: Path, entry: Ended, keys: KeyStore) -> None:
    """Write one entry, if it isn't there: in the key store, where every host reads it, and on this host's disk when this returns.

    Raises:
        KeyStoreError: the key store can't answer. Nothing may be erased yet.
    """
    path = private_directory(folder) / f"{entry.connection}.json"
    if path.exists():
        return
    publish_connection(keys, entry)
    fields = {
        "connection": str(entry.connection),
        "tenant": str(entry.tenant),
        "at": entry.at.isoformat(),
        "reason": entry.reason.value if entry.reason else None,
    }
    with locked(folder):
        write_private(path, json.dumps(fields, sort_keys=True).encode() + b"\n")


def ended_connections(folder: Path, keys: KeyStore) -> tuple[Ended, ...]:
    """Return every connection that the ledger or the key store knows to have ended, the longest ended first.

    Raises:
        JournalUnreadableError: an entry can't be read. Nothing may be restored until it is put back.
        KeyStoreError: the key store cannot answer.
    """
    found = {entry.connection: entry for entry in _from_keys(keys)} | read_journal(keys).connections
    found |= {entry.connection: entry for entry in local_connections(folder)}
    return tuple(sorted(found.values(), key=lambda entry: (entry.at, entry.connection)))


def local_connections(folder: Path) -> tuple[Ended, ...]:
    """Return the entries of this host's files. Raises JournalUnreadableError if one can't be read."""
    return tuple(_read(path) for path in sorted(folder.glob("*.json"))) if folder.is_dir() else ()


def _from_keys(keys: KeyStore) -> list[Ended]:
    destroyed: dict[UUID, datetime] = {}
    living: set[UUID] = set()
    for record in keys.list():
        if not record.owner.startswith(_OWNER):
            continue
        connection = UUID(record.owner.removeprefix(_OWNER))
        if record.destroyed_at is None:
            living.add(connection)  # An older key of it was replaced, not ended.
        else:
            destroyed[connection] = max(record.destroyed_at, destroyed.get(connection, record.destroyed_at))
    return [Ended(connection, None, at, None) for connection, at in destroyed.items() if connection not in living]


def _read(path: Path) -> Ended:
    try:
        fields: Mapping[str, str | None] = json.loads(read_private(path))
        tenant, reason = fields["tenant"], fields["reason"]
        return Ended(
            UUID(str(fields["connection"])),
            UUID(tenant) if tenant else None,
            datetime.fromisoformat(str(fields["at"])),
            DisconnectReason(reason) if reason else None,
        )
    except (UnsafePermissionsError, OSError) as error:
        why = str(error) if isinstance(error, UnsafePermissionsError) else error.strerror or type(error).__name__
        raise JournalUnreadableError(f"the erasure journal's entry {path} can't be read: {why}") from None
    except (KeyError, TypeError, ValueError):
        raise JournalUnreadableError(f"the erasure journal's entry {path} is damaged: put it back from a copy") from None
