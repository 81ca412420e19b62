"""Names of the files in the state folder, and errors of a full disk.

Both sides use them: the code that writes a file, and the data map, by which the control `pii-strip`
finds files that do not belong there.
"""

from __future__ import annotations

import errno
import os
import re
import secrets

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

#: The lock of a folder whose files are written by several processes.
LOCK = ".lock"
#: How the name of a file begins while it is being written.
UNFINISHED_PREFIX = ".writing-"
_UNFINISHED = r"\.writing-[0-9a-f]{16}"
#: What every folder of ours may hold besides its own files.
COMMON = rf"([a-z_]+/)*(\.lock|{_UNFINISHED})"

#: A segment of PostgreSQL's write-ahead log: timeline, log and segment, eight hexadecimal digits
#: each.
WAL_SEGMENT = r"[0-9A-F]{24}"
#: What PostgreSQL archives and a backup keeps: segments, the history file of a base backup
#: (``<segment>.<offset>.backup``) and the history of a timeline (``<timeline>.history``).
#: Source: PostgreSQL documentation, "Continuous Archiving and Point-in-Time Recovery".
WAL_FILE = rf"{WAL_SEGMENT}(\.[0-9A-F]{{8}}\.backup)?|[0-9A-F]{{8}}\.history"
#: An object of one backup, below the backup's own folder.
BACKUP_OBJECT = rf"base|manifest|wal/({WAL_FILE})"
#: A file of the backup folder: ``<backup id>/<object>``, or one that is being written beside it.
BACKUP_FILE = rf"[0-9a-f]{{32}}/({BACKUP_OBJECT}|(wal/)?{_UNFINISHED})"

#: When the state folder was exported last, and the folder of an import that is not finished.
LAST_EXPORT, IMPORT_FOLDER = ".theseller-last-export", "import"

#: The last time by which a worker of this host deleted data for its age.
TRUSTED_TIME = ".theseller-trusted-time"

#: Imported advisories about packages, and the statements that some do not apply.
ADVISORIES, ADVISORY_SNAPSHOT, ADVISORY_STATEMENTS = "advisories", "pypi.json", "openvex.json"
ADVISORY_FILE = rf"{ADVISORY_SNAPSHOT}|{ADVISORY_STATEMENTS}".replace(".", r"\.")

AUDIT_ACTS, AUDIT_CHECKPOINTS, AUDIT_COPY = "acts", "checkpoints", "copy-id"
AUDIT_FILE = f"{AUDIT_ACTS}|{AUDIT_CHECKPOINTS}|{AUDIT_COPY}"

#: A record of the erasure journal: of a connection, a shop or a person.
ERASURE_FILE = rf"((shops|people)/)?{_UUID}\.json"
KEY_FILE = rf"(data|destroyed|purpose/[a-z_]+)/{_UUID}\.json"
LOG_FILE = r"[a-z][a-z-]*\.log([.-][0-9]+)?(\.gz)?"
PROCESS_FILE = r"lock|demo\.json|[a-z-]+\.pid(\.[0-9]+\.new)?"
#: The password file that exists while the cluster is made.
INITDB_PASSWORD = "initdb-password"  # a file's name  # noqa: S105
#: PostgreSQL's socket and its lock, and that file.
RUN_FILE = rf"\.s\.PGSQL\.[0-9]+(\.lock)?|{INITDB_PASSWORD}"
SECRET_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"  # the form of a name  # noqa: S105


#: Errors when a file can't grow: full disk, quota, or file size limit.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def unfinished_name() -> str:
    """Return a new name for a file that is being written."""
    return UNFINISHED_PREFIX + secrets.token_hex(8)


def new_mark_name(name: str) -> str:
    """Return this process's temporary name for a process mark."""
    return f"{name}.{os.getpid()}.new"


def is_backup_object(name: str) -> bool:
    """Return whether a backup may contain an object of this name."""
    return re.fullmatch(BACKUP_OBJECT, name) is not None
