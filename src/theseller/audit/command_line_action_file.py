"""Operators' acts on the command line, recorded without a database.

There may be no database yet; the next sealing imports them into the log. One line of JSON each, in
a file that belongs to this account alone: the same event as `record` writes, with its id, so that
none enters the log twice.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from theseller.audit.event_types import Tag
from theseller.crypto.private_files import locked, private_directory, read_private
from theseller.lib.ids import new_id
from theseller.lib.state_file_names import AUDIT_ACTS

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def command_line_operator() -> str:
    """Return the log's name of the operator at the command line.

    It is `operator:` and their account on this machine.
    """
    return "operator:" + (re.sub(r"[^A-Za-z0-9_-]", "_", getpass.getuser())[:64] or "unknown")


def record_command_line_action(
    state: Path,
    tag: Tag,
    *,
    subject: str,
    at: datetime,
    details: Mapping[str, str | int] | None = None,
) -> None:
    """Record an act of the operator at the command line before it is done."""
    folder = private_directory(state / "audit")
    event = {
        "id": str(new_id()),
        "at": at.isoformat(),
        "tag": tag.value,
        "actor": command_line_operator(),
        "subject": subject,
        "details": dict(details or {}),
    }
    with locked(folder), os.fdopen(os.open(_path(state), _APPEND, 0o600), "ab") as file:
        # What a killed writer or a full disk cut short stays a line of its own, and spoils no
        # other.
        begun = b"\n" if _is_cut_short(_path(state)) else b""
        file.write(begun + json.dumps(event).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def import_command_line_actions(*, at: datetime, using: str = "default") -> int:
    """Import the recorded acts into the log; return how many there were.

    If the process is killed in between, the next call repeats the import without harm. `at` dates a
    line that can't be read.
    """
    # `record_command_line_action` serves commands that need no Django
    from django.conf import settings  # noqa: PLC0415
    from django.db import connections, transaction  # noqa: PLC0415

    state = Path(settings.ENVIRONMENT.state)
    if not _path(state).exists():
        return 0
    with locked(private_directory(state / "audit")):
        rows = [_row(line, at) for line in read_private(_path(state)).splitlines() if line.strip()]
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            for row in rows:
                # No conflict target: naming one would need the right to read the log, which only
                # the probe has.
                cursor.execute(
                    "insert into audit_event (id, at, tag, actor, subject, details) values (%s, %s,"
                    " %s, %s, %s, %s) on conflict do nothing",
                    row,
                )
        with contextlib.suppress(FileNotFoundError):
            _path(state).unlink()
    return len(rows)


def _is_cut_short(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        return file.read() not in {b"", b"\n"}


def _path(state: Path) -> Path:
    return state / "audit" / AUDIT_ACTS


def _row(line: bytes, at: datetime) -> list[str]:
    """Return the columns of a line.

    A line that was cut short becomes an event that says so, instead of stopping the import of all
    others.
    """
    try:
        event = json.loads(line)
        return [
            event["id"],
            event["at"],
            event["tag"],
            event["actor"],
            event["subject"],
            json.dumps(event["details"]),
        ]
    except (ValueError, KeyError, TypeError):
        return [
            str(new_id()),
            at.isoformat(),
            Tag.ACT_UNREADABLE.value,
            "process:sealing",
            "act",
            "{}",
        ]
