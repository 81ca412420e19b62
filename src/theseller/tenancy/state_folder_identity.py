"""Bind secrets and keys in files to one host's state folder.

With an external server the database knows the state folder that `theseller migrate` ran with. A
copy elsewhere would read the copied keys and miss every later one; a rotation would make the two
diverge for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connections
from psycopg import Connection

from theseller.lib import sql_execution

#: A random number, made once for each state folder.
HOST_MARK_FILE = ".theseller-host"
_MACHINE = Path("/etc/machine-id")


class OtherHostError(RuntimeError):
    """The deployment's secrets and keys are in another state folder."""


def folder_identity(state: Path, *, make: bool = False) -> str:
    """Return what distinguishes this state folder from copies of it.

    It is a hash of a random number in the folder, of that file's inode, and of the machine's ID; a
    copy has another inode or machine. It can't distinguish the clone of a virtual machine that kept
    its machine ID. Returns "" if there is no mark and none is to be made.

    Args:
        state: the state folder.
        make: whether to make the mark if there is none.
    """
    path = state / HOST_MARK_FILE
    if make and not path.exists():
        _make(path, secrets.token_hex(16))
    try:
        content, place = path.read_text(), path.stat().st_ino
    except FileNotFoundError:
        return ""
    machine = _MACHINE.read_text().strip() if _MACHINE.is_file() else ""
    return hashlib.sha256(f"{content.strip()}\0{place}\0{machine}".encode()).hexdigest()


def claim_files(database: Connection[Any], identity: str, *, at: datetime) -> None:
    """Store that state folder `identity` has the secrets and keys.

    "" means that none are in files. `database` is a superuser's connection.
    """
    database.execute(
        "update guard.deployment set files_of = %s, files_since = %s where files_of is distinct"
        " from %s",
        [identity or None, at if identity else None, identity or None],
    )


def refuse_other_folder(database: Connection[Any], identity: str) -> None:
    """Check that the database knows no other state folder than `identity`.

    The database may be empty or of an older version.

    Raises:
        OtherHostError: it knows another one.
    """
    known = database.execute(
        "select exists (select from pg_attribute where attrelid = to_regclass('guard.deployment')"
        " and attname = 'files_of')"
    ).fetchone()
    if known and known[0]:
        _refuse(
            database.execute("select files_of, files_since from guard.deployment").fetchone(),
            identity,
        )


def refuse_other_host(identity: str, using: str = "default") -> None:
    """Check as `refuse_other_folder`, by the process's own connection.

    Raises:
        OtherHostError: the database knows another state folder.
    """
    _refuse(
        sql_execution.one(connections[using], "select files_of, files_since from guard.deployment"),
        identity,
    )


def _refuse(found: tuple[str | None, datetime | None] | None, identity: str) -> None:
    if found is None or found[0] is None or found[1] is None or found[0] == identity:
        return
    raise OtherHostError(
        "the secrets and keys of this deployment are in files, and the database knows them in"
        f" another state folder than this one (since {found[1]:%Y-%m-%d %H:%M} UTC): files serve"
        " one host. For several hosts use a key service (docs/operate/secrets.md). If this folder"
        " takes the other's place: stop the other host's processes, then theseller migrate"
        " --take-over --reason TEXT"
    )


def _make(path: Path, content: str) -> None:
    """Make the mark whole, or leave one that is made at the same time."""
    begun = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.new")
    descriptor = os.open(
        begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{content}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(begun, path)
    finally:
        begun.unlink()
