"""Turn PostgreSQL's last messages into a helpful error.

Reads only messages of starting and stopping, never of statements.
"""

from __future__ import annotations

import re
from pathlib import Path

from theseller.postgres.errors import ServerFailedError

_CAUSES = (
    (
        r"No space left on device|could not write .*: wrote only",
        "the disk is full",
        "Free some space and start again; nothing is lost.",
    ),
    (
        r"could not (?:create|resize|map) .*shared memory|could not map anonymous shared memory",
        "there is not enough shared memory",
        "Free some memory, or give a container more of it (e.g. docker run --shm-size=256m).",
    ),
    (
        r"invalid permissions|has wrong ownership|Permission denied",
        "it may not read its own folder",
        "Owner and mode of the folder must stay as made.",
    ),
    (
        r"database files are incompatible",
        "the data was made by another version of PostgreSQL",
        "Point THESELLER_PG_BIN to that version.",
    ),
    (
        r"could not create .*semaphores",
        "the kernel's semaphores are used up",
        "Stop other PostgreSQL servers, or raise kernel.sem.",
    ),
    (
        r"invalid (?:page|checksum|primary checkpoint)|could not locate a valid checkpoint",
        "its data is damaged",
        "Restore a backup.",
    ),
    (
        r"invalid locale|locale name .* is invalid",
        "the C.UTF-8 locale is missing",
        "Install it (Debian: it comes with libc-bin).",
    ),
)


def startup_failure(doing: str, text: str, log: Path | None = None) -> ServerFailedError:
    """Return the error to raise: the action, the likely cause, and a remedy."""
    for pattern, cause, advice in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return ServerFailedError(f"PostgreSQL {doing}: {cause}.", advice)
    last = [
        line.strip() for line in text.splitlines() if re.search(r"FATAL|PANIC|error:|ERROR", line)
    ][-1:]
    cause = (
        re.sub(r"^.*?(FATAL|PANIC|error|ERROR): *", "", last[0]) if last else "it did not say why"
    )
    return ServerFailedError(f"PostgreSQL {doing}: {cause}.", f"Its log: {log}" if log else "")


def tail(log: Path, start: int, limit: int = 20_000) -> str:
    """Return what was logged after byte `start`, at most `limit` bytes."""
    try:
        with log.open("rb") as handle:
            end = handle.seek(0, 2)
            handle.seek(max(start, end - limit))
            return handle.read().decode(errors="replace")
    except OSError:
        return ""
