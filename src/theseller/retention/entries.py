"""The ledger outside the database of shops and people that have ended: one small file each, written before anything of them is erased."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.crypto.files import erase, locked, private_directory, read_private, write_private
from theseller.retention.erasures import ledger_folder
from theseller.retention.ledger import ERASER
from theseller.retention.types import SubjectKind

_FOLDERS = {SubjectKind.SHOP: "shops", SubjectKind.PERSON: "people"}


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a proof, by the hash of its token."""

    token_hash: bytes
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One end. `own_wish`: a person asked for it, and did not just lose their last shop. `links` are the links to its proof."""

    id: UUID
    at: datetime
    own_wish: bool
    links: tuple[Link, ...]


def write_entry(kind: SubjectKind, identity: UUID, at: datetime, *, own_wish: bool = False) -> None:
    """Write one entry, if it isn't there: whole and on the disk when this returns. The links go with it, so that a restore has them again."""
    private_directory(ledger_folder(settings.ENVIRONMENT.state))
    folder = private_directory(_folder(kind))
    path = folder / f"{identity}.json"
    if not path.exists():
        links = [[one.token_hash.hex(), one.made_at.isoformat(), one.expires_at.isoformat()] for one in _links(identity)]
        fields = {"at": at.isoformat(), "id": str(identity), "own_wish": own_wish, "links": links}
        with locked(folder):
            write_private(path, json.dumps(fields, sort_keys=True).encode() + b"\n")


def withdraw_entry(kind: SubjectKind, identity: UUID) -> None:
    """Take back what was written before an end that did not come to pass."""
    path = _folder(kind) / f"{identity}.json"
    if path.exists():
        erase(path)


def put_links_back(kind: SubjectKind, entry: Entry) -> None:
    """Have a restored database know the links to a proof again."""
    with databases[ERASER].cursor() as cursor:
        for one in entry.links:
            cursor.execute(
                "insert into retention_end_link (token_hash, subject_id, kind, made_at, expires_at) values (%s, %s, %s, %s, %s)"
                " on conflict (token_hash) do nothing",
                [one.token_hash, entry.id, kind.value, one.made_at, one.expires_at],
            )


def entries(kind: SubjectKind) -> list[Entry]:
    """Return every entry of a kind.

    Raises:
        ValueError: one is damaged. Nothing may be restored until it is put back.
    """
    folder = _folder(kind)
    return [_read(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _links(identity: UUID) -> list[Link]:
    with databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select token_hash, made_at, expires_at from retention_end_link where subject_id = %s order by made_at, token_hash", [identity]
        )
        return [Link(bytes(token), made, expires) for token, made, expires in cursor.fetchall()]


def _folder(kind: SubjectKind) -> Path:
    return ledger_folder(settings.ENVIRONMENT.state) / _FOLDERS[kind]


def _read(path: Path) -> Entry:
    try:
        fields = json.loads(read_private(path))
        links = tuple(
            Link(bytes.fromhex(token), datetime.fromisoformat(made), datetime.fromisoformat(expires))
            for token, made, expires in fields.get("links", [])
        )
        return Entry(UUID(fields["id"]), datetime.fromisoformat(fields["at"]), bool(fields.get("own_wish", False)), links)
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"the erasure ledger's entry {path.name} is damaged: put it back from a copy before anything is restored"
        ) from None
