"""The files of the erasure journal, in `erasures/` of the state folder.

There is one for each entry, written whole.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from theseller.connections.types import DisconnectReason
from theseller.crypto.errors import UnsafePermissionsError
from theseller.crypto.private_files import locked, private_directory, read_private, write_private
from theseller.erasure.types import JournalEntry, JournalLink, JournalUnreadableError, SubjectKind

#: Below `erasures/`. These names are on the disks of deployments.
_FOLDERS = {SubjectKind.CONNECTION: "", SubjectKind.TENANT: "shops", SubjectKind.USER: "people"}


def journal_folder(state: Path) -> Path:
    """Return the folder of this deployment's journal."""
    return state / "erasures"


def path_of(state: Path, kind: SubjectKind, identity: UUID) -> Path:
    """Return the path of the file of one entry, whether or not it exists."""
    return journal_folder(state) / _FOLDERS[kind] / f"{identity}.json"


def write(state: Path, entry: JournalEntry) -> None:
    """Write the file of one entry; it is on the disk when this returns."""
    path = path_of(state, entry.kind, entry.id)
    private_directory(journal_folder(state))
    with locked(private_directory(path.parent)):
        write_private(path, json.dumps(_fields(entry), sort_keys=True).encode() + b"\n")


def read_all(state: Path, kind: SubjectKind) -> tuple[JournalEntry, ...]:
    """Return the entries of this host's files, by id.

    Raises:
        JournalUnreadableError: one can't be read.
    """
    folder = journal_folder(state) / _FOLDERS[kind]
    return (
        tuple(_read(path, kind) for path in sorted(folder.glob("*.json")))
        if folder.is_dir()
        else ()
    )


def _fields(entry: JournalEntry) -> dict[str, Any]:
    if entry.kind is SubjectKind.CONNECTION:
        return {
            "connection": str(entry.id),
            "tenant": str(entry.tenant) if entry.tenant else None,
            "at": entry.at.isoformat(),
            "reason": entry.reason.value if entry.reason else None,
        }
    links = [
        [one.token_hash.hex(), one.made_at.isoformat(), one.expires_at.isoformat()]
        for one in entry.links
    ]
    return {
        "at": entry.at.isoformat(),
        "id": str(entry.id),
        "own_wish": entry.own_request,
        "links": links,
    }


def _read(path: Path, kind: SubjectKind) -> JournalEntry:
    try:
        fields = json.loads(read_private(path))
        at = datetime.fromisoformat(str(fields["at"]))
        if kind is SubjectKind.CONNECTION:
            tenant, reason = fields["tenant"], fields["reason"]
            return JournalEntry(
                kind,
                UUID(str(fields["connection"])),
                at,
                UUID(tenant) if tenant else None,
                DisconnectReason(reason) if reason else None,
            )
        links = tuple(
            JournalLink(
                bytes.fromhex(token), datetime.fromisoformat(made), datetime.fromisoformat(expires)
            )
            for token, made, expires in fields.get("links", [])
        )
        return JournalEntry(
            kind,
            UUID(fields["id"]),
            at,
            own_request=bool(fields.get("own_wish", False)),
            links=links,
        )
    except (UnsafePermissionsError, OSError) as error:
        why = (
            str(error)
            if isinstance(error, UnsafePermissionsError)
            else error.strerror or type(error).__name__
        )
        raise JournalUnreadableError(
            f"the erasure journal's entry {path} can't be read: {why}"
        ) from None
    except (KeyError, TypeError, ValueError):
        raise JournalUnreadableError(
            f"the erasure journal's entry {path} is damaged: put it back from a copy"
        ) from None
