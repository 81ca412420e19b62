"""Run our own commands in a quarantine, each in its own process.

They connect to the restored database and to no other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

import structlog

from theseller.backups.isolated_restore_server import Quarantine
from theseller.backups.types import BackupError
from theseller.postgres.initdb_and_settings import SUPERUSER

_log = structlog.get_logger(__name__)
_ATTEMPTS = 3


def replay_in_quarantine(restored: Quarantine) -> int:
    """Run `migrate_and_replay`; return how many connections were ended again."""
    return migrate_and_replay(restored)[0]


def migrate_and_replay(restored: Quarantine) -> tuple[int, int, int]:
    """Migrate a restored database, then repeat the erasures since the backup.

    The migration also sets the present passwords and keys.

    Returns:
        How many connections were ended again; how many have to be authorized again, since their
        keys were replaced; and how many live keys of ended connections were destroyed.

    Raises:
        BackupError: a step failed. The database must not leave the quarantine.
    """
    with restored.hidden() as database:
        answer = _repeated(_environment(restored, database))
    try:
        ended, to_authorise, keys = (int(line.split()[0]) for line in answer.splitlines())
    except (IndexError, ValueError):
        raise BackupError("the replay of erasures did not say what it did") from None
    return ended, to_authorise, keys


def _repeated(environ: dict[str, str]) -> str:
    """Migrate and replay; return what the replay printed.

    A rotation may replace a password or a key after the migration has set it, and the replay is
    refused then. So both are tried up to three times.

    Raises:
        BackupError: the third attempt failed as well.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _run(["migrate", "--quiet"], environ)
            return _run(["replay-erasures"], environ)
        except BackupError as error:
            if attempt == _ATTEMPTS:
                raise
            _log.warning("restored_database_refused_command", attempt=attempt, why=str(error))
    raise AssertionError


def _environment(restored: Quarantine, database: str) -> dict[str, str]:
    socket = quote(str(restored.layout.run), safe="")
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql:///{database}?host={socket}",
        "THESELLER_ADMIN_URL": f"postgresql:///{database}?host={socket}&user={SUPERUSER}",
        "THESELLER_BACKUPS": "none",
    }


def _run(arguments: list[str], environ: dict[str, str]) -> str:
    command = [sys.executable, "-m", "theseller.cli.main", *arguments]
    answer = subprocess.run(  # noqa: S603
        command, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if answer.returncode != 0:
        words = answer.stderr.strip().splitlines()
        raise BackupError(
            f"`theseller {arguments[0]}` failed in the restored database:"
            f" {words[0] if words else 'it did not say why'}"
        )
    return answer.stdout
