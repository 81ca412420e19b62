"""The ledger outside the database of shops and people that have ended: one small file each, written before anything of them is erased."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from theseller.crypto.files import erase, locked, private_directory, read_private, write_private
from theseller.retention.erasures import ledger_folder
from theseller.retention.types import SubjectKind

_FOLDERS = {SubjectKind.SHOP: "shops", SubjectKind.PERSON: "people"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One end. `own_wish`: a person asked for it, and did not just lose their last shop."""

    id: UUID
    at: datetime
    own_wish: bool


def write_entry(kind: SubjectKind, identity: UUID, at: datetime, *, own_wish: bool = False) -> None:
    """Write one entry, if it isn't there: whole and on the disk when this returns."""
    private_directory(ledger_folder(settings.ENVIRONMENT.state))
    folder = private_directory(_folder(kind))
    path = folder / f"{identity}.json"
    if not path.exists():
        fields = {"at": at.isoformat(), "id": str(identity), "own_wish": own_wish}
        with locked(folder):
            write_private(path, json.dumps(fields, sort_keys=True).encode() + b"\n")


def withdraw_entry(kind: SubjectKind, identity: UUID) -> None:
    """Take back what was written before an end that did not come to pass."""
    path = _folder(kind) / f"{identity}.json"
    if path.exists():
        erase(path)


def entries(kind: SubjectKind) -> list[Entry]:
    """Return every entry of a kind.

    Raises:
        ValueError: one is damaged. Nothing may be restored until it is put back.
    """
    folder = _folder(kind)
    return [_read(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _folder(kind: SubjectKind) -> Path:
    return ledger_folder(settings.ENVIRONMENT.state) / _FOLDERS[kind]


def _read(path: Path) -> Entry:
    try:
        fields = json.loads(read_private(path))
        return Entry(UUID(fields["id"]), datetime.fromisoformat(fields["at"]), bool(fields.get("own_wish", False)))
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"the erasure ledger's entry {path.name} is damaged: put it back from a copy before anything is restored"
        ) from None
