"""Registers of the state folder's entries and of the guard's own tables.

Each has its class, its retention, and how it is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from theseller.datamap.types import DataClass
from theseller.lib import state_file_names

#: A file as another program lays it out, or a whole copy of the database.
_ANY = r".*"


@dataclass(frozen=True, slots=True)
class StateEntry:
    """One entry at the top of the state folder.

    `retention` says how long it stays, `eraser` what deletes it, `owner` the package that writes
    it. `files` is a regular expression of the whole path of its files below it; "" for an entry
    that is a file itself. `exported` is one of those files that `theseller state export` includes.
    """

    name: str
    data_class: DataClass
    owner: str
    retention: str
    eraser: str
    files: str
    exported: str = ""

    def covers(self, path: str) -> bool:
        """Return whether a file of this path below the entry belongs there."""
        return re.fullmatch(f"{self.files}|{state_file_names.COMMON}", path) is not None


STATE_ENTRIES: tuple[StateEntry, ...] = (
    StateEntry(
        ".theseller-state",
        DataClass.NONE,
        "cli",
        "with the deployment",
        "the name of the environment that the state folder belongs to",
        "",
    ),
    StateEntry(
        ".theseller-host",
        DataClass.NONE,
        "tenancy",
        "with the deployment",
        "a random number: which host's state folder this is",
        "",
    ),
    StateEntry(
        state_file_names.LAST_EXPORT,
        DataClass.OPERATIONAL,
        "backups",
        "until the next export",
        "the next `theseller state export`: when the last one was made",
        "",
    ),
    StateEntry(
        state_file_names.TRUSTED_TIME,
        DataClass.OPERATIONAL,
        "config",
        "until the next minute",
        "the worker, each minute: the time by which it deletes data for its age",
        "",
    ),
    StateEntry(
        state_file_names.ADVISORIES,
        DataClass.NONE,
        "releases",
        "until the next import",
        "the next import of the operator's: public advisories about packages",
        state_file_names.ADVISORY_FILE,
        re.escape(state_file_names.ADVISORY_STATEMENTS),
    ),
    StateEntry(
        "audit",
        DataClass.EVIDENCE,
        "audit",
        "as long as the audit log",
        "nothing: copies of signed digests, and acts without a database",
        state_file_names.AUDIT_FILE,
        state_file_names.AUDIT_FILE,
    ),
    StateEntry(
        "backups",
        DataClass.SELLER_FACTS,
        "backups",
        "28 days, 90 at most",
        "the backup's key, then its files",
        state_file_names.BACKUP_FILE,
    ),
    StateEntry(
        "drill",
        DataClass.SELLER_FACTS,
        "backups",
        "while a drill runs",
        "the drill, which removes its scratch database",
        _ANY,
    ),
    StateEntry(
        "emulator", DataClass.NONE, "emulator", "with the demo", "`theseller demo-reset`", _ANY
    ),
    StateEntry(
        "erasures",
        DataClass.EVIDENCE,
        "erasure",
        "with the deployment",
        "nothing: ids of what must stay erased after a restore",
        state_file_names.ERASURE_FILE,
        state_file_names.ERASURE_FILE,
    ),
    StateEntry(
        state_file_names.IMPORT_FOLDER,
        DataClass.CREDENTIALS,
        "backups",
        "while an import of the state runs",
        "the import, which removes it when the files are where they belong",
        _ANY,
    ),
    StateEntry(
        "keys",
        DataClass.CREDENTIALS,
        "crypto",
        "life-token-now",
        "destroyed with what it seals; a tombstone stays",
        state_file_names.KEY_FILE,
        state_file_names.KEY_FILE,
    ),
    StateEntry(
        "log",
        DataClass.OPERATIONAL,
        "config",
        "as the deployment rotates it",
        "rotation; nothing of a payload is in it",
        state_file_names.LOG_FILE,
    ),
    StateEntry(
        "lost+found",
        DataClass.NONE,
        "the file system",
        "with the disk",
        "nothing: a disk mounted here has it",
        _ANY,
    ),
    StateEntry(
        "postgres",
        DataClass.SELLER_FACTS,
        "postgres",
        "as each table says",
        "the tables' own erasers",
        _ANY,
    ),
    StateEntry(
        "processes",
        DataClass.OPERATIONAL,
        "cli",
        "while a process runs",
        "the process",
        state_file_names.PROCESS_FILE,
    ),
    StateEntry(
        "restore", DataClass.SELLER_FACTS, "backups", "while a restore runs", "the restore", _ANY
    ),
    StateEntry(
        "run",
        DataClass.OPERATIONAL,
        "postgres",
        "while the server runs",
        "the server: sockets",
        state_file_names.RUN_FILE,
    ),
    StateEntry(
        "secrets",
        DataClass.CREDENTIALS,
        "crypto",
        "cred-rotation",
        "replaced by `theseller rotate`",
        state_file_names.SECRET_NAME,
        state_file_names.SECRET_NAME,
    ),
    StateEntry(
        "metrics",
        DataClass.OPERATIONAL,
        "config",
        "until the web process starts again",
        "`theseller serve`, which starts with none: counts for monitoring",
        r"\d+/(counter|histogram|gauge_[a-z]+)_\d+\.db",
    ),
    StateEntry("static", DataClass.NONE, "edge", "with the version", "the next version's", _ANY),
)
#: Tables of the schema `guard`: the environment of this database, the keys that verify tenant
#: tickets, and two rows of no seller that the control of tenant isolation searches for. They
#: contain no one's data.
GUARD_RELATIONS = frozenset({"audit_writer", "deployment", "isolation_probe", "ticket_key"})


def unregistered_entries(names: frozenset[str]) -> tuple[str, ...]:
    """Return those of `names`, entries of the state folder, with no register."""
    return tuple(sorted(names - {place.name for place in STATE_ENTRIES}))


def unregistered_files(place: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files below a registered entry that do not belong there.

    Args:
        place: the entry's name.
        paths: paths of files below it.
    """
    found = next(one for one in STATE_ENTRIES if one.name == place)
    return tuple(sorted(path for path in paths if not found.covers(path)))


def is_exported(path: str) -> bool:
    """Return whether a file belongs into an export of the state folder.

    Args:
        path: its path below the state folder.
    """
    entry, _, below = path.partition("/")
    return any(
        one.name == entry and one.exported and re.fullmatch(one.exported, below)
        for one in STATE_ENTRIES
    )


def fully_listed_entries() -> frozenset[str]:
    """Return the entries whose files all have registered names.

    The other folders contain what another program lays out.
    """
    return frozenset(place.name for place in STATE_ENTRIES if place.files not in {"", _ANY})
