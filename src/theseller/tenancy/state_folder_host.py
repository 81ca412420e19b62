"""Secrets and keys in files belong to the state folder of one host: notice another copy of it before it is used.

The database of an external server knows the folder that `theseller migrate` ran with. A copy elsewhere would read what was there when it
was copied, and miss every key that is made later; a rotation would split the two for good.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connections
from psycopg import Connection

from theseller.lib import sql

#: A random number, made once for each state folder.
HOST_MARK_FILE = ".theseller-host"
_MACHINE = Path("/etc/machine-id")


class OtherHostError(RuntimeError):
    """The secrets and keys of this deployment are in files of another state folder than this process's."""


def folder_identity(state: Path, *, make: bool = False) -> str:
    """Return what tells this state folder from every copy of it; "" if it has no mark, and none is to be made.

    It is a hash of a random number in the folder, of where that file is in its file system, and of the machine's id. A copy has another
    place or another machine. What it can't tell apart: the clone of a whole virtual machine that kept the machine's id.

    Args:
        state: the state folder.
        make: whether to make the mark if there is none.
    """
    path = state / HOST_MARK_FILE
    if make and not path.exists():
        _write(path, secrets.token_hex(16))
    try:
        content, place = path.read_text(), path.stat().st_ino
    except FileNotFoundError:
        return ""
    machine = _MACHINE.read_text().strip() if _MACHINE.is_file() else ""
    return hashlib.sha256(f"{content.strip()}\0{place}\0{machine}".encode()).hexdigest()


def claim_files(database: Connection[Any], identity: str, *, at: datetime) -> None:
    """Store that the state folder `identity` has the secrets and keys; "" says that none are in files. The connection is a superuser's."""
    database.execute(
        "update guard.deployment set files_of = %s, files_since = %s where files_of is distinct from %s",
        [identity or None, at if identity else None, identity or None],
    )


def refuse_other_folder(database: Connection[Any], identity: str) -> None:
    """Raise OtherHostError if the database knows another state folder than `identity`. It may be empty, or of an older version."""
    known = database.execute(
        "select exists (select from pg_attribute where attrelid = to_regclass('guard.deployment') and attname = 'files_of')"
    ).fetchone()
    if known and known[0]:
        _refuse(database.execute("select files_of, files_since from guard.deployment").fetchone(), identity)


def refuse_other_host(identity: str, using: str = "default") -> None:
    """Raise OtherHostError as `refuse_other_folder` does, asking by the process's own connection."""
    _refuse(sql.one(connections[using], "select files_of, files_since from guard.deployment"), identity)


def _refuse(found: tuple[str | None, datetime | None] | None, identity: str) -> None:
    if found is None or found[0] is None or found[1] is None or found[0] == identity:
        return
    raise OtherHostError(
        "the secrets and keys of this deployment are in files, and the database knows them in another state folder than this one (since"
        f" {found[1]:%Y-%m-%d %H:%M} UTC): files serve one host. For several hosts use a key service (docs/operate/secrets.md). If this"
        " folder takes the other's place: stop the other host's processes, then theseller migrate --take-over --reason TEXT"
    )


def _write(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{content}\n")
        file.flush()
        os.fsync(file.fileno())
