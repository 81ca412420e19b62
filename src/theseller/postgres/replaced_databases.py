"""List the databases that were replaced, and delete old ones.

By a restore, an upgrade or a move of the database.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from theseller.postgres.server_folders import Layout, made_by, saved_layout

#: How long a replaced database is stored, in case the replacement was a mistake; it contains
#: later-erased data.
REPLACED_RETENTION = timedelta(days=7)
REPLACED_PREFIX = "data.replaced-"


@dataclass(frozen=True, slots=True)
class ReplacedDatabase:
    """A database that was replaced, and when it is removed."""

    path: Path
    bytes: int
    removed_after: datetime


def replaced_folders(own: Layout) -> list[Path]:
    """Return the folders of replaced databases, by number: oldest first."""
    return sorted(own.home.glob(f"{REPLACED_PREFIX}*"), key=replaced_number)


def replaced_number(folder: Path) -> int:
    """Return the number in the name of a replaced database's folder."""
    return int(folder.name.removeprefix(REPLACED_PREFIX))


def delete_databases_of_other_majors(state: Path) -> tuple[Path, ...]:
    """Delete replaced databases of other versions; return their folders."""
    own = saved_layout(state)
    if own is None or not own.data.exists():
        return ()
    current = made_by(own.data)
    found = tuple(former for former in replaced_folders(own) if made_by(former) != current)
    for former in found:
        shutil.rmtree(former)
    return found


def replaced_databases(state: Path) -> tuple[ReplacedDatabase, ...]:
    """Return the databases that were replaced, oldest first."""
    own, found = saved_layout(state), []
    for former in replaced_folders(own) if own else ():
        size = sum(path.lstat().st_size for path in former.rglob("*") if not path.is_dir())
        found.append(
            ReplacedDatabase(
                former,
                size,
                datetime.fromtimestamp(former.stat().st_ctime, UTC) + REPLACED_RETENTION,
            )
        )
    return tuple(found)


def delete_replaced_databases(state: Path, *, at: datetime) -> int:
    """Delete replaced databases whose retention has ended; return how many."""
    own = saved_layout(state)
    removed = 0
    for former in replaced_folders(own) if own else ():
        if at.timestamp() - former.stat().st_ctime >= REPLACED_RETENTION.total_seconds():
            shutil.rmtree(former, ignore_errors=True)
            removed += 1
    return removed
