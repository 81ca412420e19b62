"""The ledger outside the database of shops and people that have ended: one small file each, written before anything of them is erased."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.crypto.errors import UnsafePermissionsError
from theseller.crypto.private_files import erase, locked, private_directory, read_private, write_private
from theseller.erasure.connection_journal import journal_folder
from theseller.erasure.journal import Entry, JournalUnreadableError, Link, publish_end, read_journal, withdraw
from theseller.erasure.types import SubjectKind
from theseller.retention.roles import ERASER

_FOLDERS = {SubjectKind.TENANT: "shops", SubjectKind.USER: "people"}


def write_entry(kind: SubjectKind, identity: UUID, at: datetime, *, own_wish: bool = False) -> None:
    """Write one entry, if it isn't there: in the key store, where every host reads it, and on this host's disk when this returns.

    The links go with it, so that a restore has them again. Raises KeyStoreError: nothing may be erased yet.
    """
    private_directory(journal_folder(settings.ENVIRONMENT.state))
    folder = private_directory(_folder(kind))
    path = folder / f"{identity}.json"
    if not path.exists():
        entry = Entry(identity, at, own_wish, tuple(_links(identity)))
        publish_end(settings.KEY_STORE, kind, entry)
        links = [[one.token_hash.hex(), one.made_at.isoformat(), one.expires_at.isoformat()] for one in entry.links]
        fields = {"at": at.isoformat(), "id": str(identity), "own_wish": own_wish, "links": links}
        with locked(folder):
            write_private(path, json.dumps(fields, sort_keys=True).encode() + b"\n")


def withdraw_entry(kind: SubjectKind, identity: UUID) -> None:
    """Take back what was written before an end that did not come to pass."""
    path = _folder(kind) / f"{identity}.json"
    if identity in read_journal(settings.KEY_STORE).ends[kind]:
        withdraw(settings.KEY_STORE, kind, identity)
    if path.exists():
        erase(path)


def restore_links(kind: SubjectKind, entry: Entry) -> None:
    """Have a restored database know the links to a proof again."""
    with databases[ERASER].cursor() as cursor:
        for one in entry.links:
            cursor.execute(
                "insert into retention_end_link (token_hash, subject_id, kind, made_at, expires_at) values (%s, %s, %s, %s, %s)"
                " on conflict (token_hash) do nothing",
                [one.token_hash, entry.id, kind.value, one.made_at, one.expires_at],
            )


def entries(kind: SubjectKind) -> list[Entry]:
    """Return every entry of a kind: those of the key store, which all hosts write, and those of this host's files.

    Raises:
        JournalUnreadableError: one can't be read. Nothing may be restored until it is put back.
        KeyStoreError: the key store can't answer.
    """
    journal = read_journal(settings.KEY_STORE)
    found = dict(journal.ends[kind])
    for entry in local_entries(kind):
        if (kind, entry.id) not in journal.withdrawn:
            found.setdefault(entry.id, entry)
    return [found[identity] for identity in sorted(found)]


def local_entries(kind: SubjectKind) -> list[Entry]:
    """Return the entries of this host's files. Raises JournalUnreadableError if one can't be read."""
    folder = _folder(kind)
    return [_read(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _links(identity: UUID) -> list[Link]:
    with databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select token_hash, made_at, expires_at from retention_end_link where subject_id = %s order by made_at, token_hash", [identity]
        )
        return [Link(bytes(token), made, expires) for token, made, expires in cursor.fetchall()]


def _folder(kind: SubjectKind) -> Path:
    return journal_folder(settings.ENVIRONMENT.state) / _FOLDERS[kind]


def _read(path: Path) -> Entry:
    try:
        fields = json.loads(read_private(path))
        links = tuple(
            Link(bytes.fromhex(token), datetime.fromisoformat(made), datetime.fromisoformat(expires))
            for token, made, expires in fields.get("links", [])
        )
        return Entry(UUID(fields["id"]), datetime.fromisoformat(fields["at"]), bool(fields.get("own_wish", False)), links)
    except (UnsafePermissionsError, OSError) as error:
        why = str(error) if isinstance(error, UnsafePermissionsError) else error.strerror or type(error).__name__
        raise JournalUnreadableError(f"the erasure journal's entry {path} can't be read: {why}") from None
    except (KeyError, TypeError, ValueError):
        raise JournalUnreadableError(f"the erasure journal's entry {path} is damaged: put it back from a copy") from None
