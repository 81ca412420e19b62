"""The record of a move of the database, in the state folder.

It is written before the first change and removed after the last. While it is there and its process
has ended, the move was interrupted: services refuse to start, and the move is undone or finished.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.crypto.private_files import sync_directory, write_private
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.server import make_folder
from theseller.postgres.server_folders import control_folder

PURPOSE = "theseller database move"
_RECORD, _LOCK = "moving.json", "moving.lock"
_ADVICE = "Run `theseller database recover` (docs/operate/database-move.md)."


class To(StrEnum):
    """Where a move goes."""

    EXTERNAL = "external"
    EMBEDDED = "embedded"


class Phase(StrEnum):
    """How far a move is.

    While it is copying, the original is the database, and the move is undone; once the copy is
    proven, the copy is the database, and the move is finished.
    """

    COPYING = "copying"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """A move: its direction, how far it is, and the external database.

    The address has no user and no password.
    """

    to: To
    address: str
    phase: Phase = Phase.COPYING

    @property
    def database_is_external(self) -> bool:
        """Return whether the external database is the one to use."""
        return (self.to is To.EXTERNAL) is (self.phase is Phase.PROVEN)

    def describe(self) -> str:
        """Return which move was interrupted, and which database is to be used."""
        where = "an external server" if self.to is To.EXTERNAL else "the embedded server"
        left = (
            "the copy is complete and is the database now, and the original is not closed yet"
            if self.phase is Phase.PROVEN
            else "the original is unchanged, and the services may not connect to it"
        )
        return f"A move of the database to {where} was interrupted: {left}."


def read_record(state: Path) -> MoveRecord | None:
    """Return the record of an unfinished move; None if there is none.

    Raises:
        CommandError: the file is damaged.
    """
    path = control_folder(state) / _RECORD
    try:
        found = json.loads(path.read_text())
        return MoveRecord(To(found["to"]), str(found["address"]), Phase(found["phase"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise CommandError(
            f"{path} is damaged: a move of the database was interrupted.",
            "Look at both databases, then remove that file.",
        ) from None


def write_record(state: Path, record: MoveRecord) -> None:
    """Store the record; a power loss does not undo it."""
    write_private(control_folder(state) / _RECORD, json.dumps(asdict(record)).encode() + b"\n")
    sync_directory(control_folder(state))


def remove_record(state: Path) -> None:
    """Remove the record: the move is finished or undone."""
    with suppress(FileNotFoundError):
        (control_folder(state) / _RECORD).unlink()
        sync_directory(control_folder(state))


@contextmanager
def only_mover(state: Path) -> Iterator[None]:
    """Keep other processes from moving the database or recovering.

    Raises:
        CommandError: another process does.
    """
    make_folder(control_folder(state))
    lock = _lock(state)
    if not lock.acquire():
        raise CommandError(*_running(state))
    try:
        yield
    finally:
        lock.release()


def is_moving(state: Path) -> bool:
    """Return whether a process moves the database now."""
    return _lock(state).holder() is not None


def refuse_unfinished_move(state: Path) -> None:
    """Check that no move of the database is being made or was interrupted.

    Raises:
        CommandError: one is or was; the message says which.
    """
    record = read_record(state)
    if record is None:
        return
    if is_moving(state):
        raise CommandError(*_running(state))
    raise CommandError(record.describe(), _ADVICE)


def _running(state: Path) -> tuple[str, str]:
    holder = _lock(state).holder()
    who = f"process {holder[0].pid}" if holder else "another process"
    return f"The database is being moved by {who}.", "Wait until it has ended."


def _lock(state: Path) -> LockFile:
    return LockFile(control_folder(state) / _LOCK, PURPOSE)
