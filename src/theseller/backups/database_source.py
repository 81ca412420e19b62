"""The database that backups are taken from (the embedded server)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from theseller.backups.table_fingerprints import marked_moment
from theseller.backups.types import BackupError, Fingerprint
from theseller.postgres.base_backups import base_backup
from theseller.postgres.binaries import Binaries

_PATIENCE_SECONDS = 120.0
_STEP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """A named moment in the WAL.

    `tables` is what every table contained at it, `segment` the WAL segment in which it is written.
    """

    tables: Mapping[str, Fingerprint]
    segment: str


class Source(Protocol):
    """What a backup is taken from."""

    @property
    def archive(self) -> Path:
        """Folder in which the server's finished WAL appears."""

    @property
    def version(self) -> str:
        """Version of the server whose files are copied."""

    def current_segment(self) -> str:
        """Return the name of the WAL segment that is being written."""

    def base(self) -> Iterator[bytes]:
        """Yield the data folder as a tar.

        If the iteration raises, what it yielded is no backup.
        """

    def mark(self, restore_point: str) -> Moment:
        """Name a moment in the WAL.

        When this returns, the WAL up to the moment is finished and in `archive`.
        """


def refuse_other_major(what: str, version: str, binaries: Binaries) -> None:
    """Check that the programs here can read files of PostgreSQL `version`.

    Raises:
        BackupError: they are another major version's. It begins with `what`, and says where to
            look.
    """
    if int(re.split(r"\D", version, maxsplit=1)[0]) != binaries.major:
        raise BackupError(
            f"{what}, and the programs here are {binaries.version}: point THESELLER_PG_BIN to"
            f" PostgreSQL {version.split('.', 1)[0]}"
        )


@dataclass(frozen=True, slots=True)
class EmbeddedSource:
    """The server of a state folder, asked as `theseller_backup`."""

    binaries: Binaries
    conninfo: str
    archive: Path

    @property
    def version(self) -> str:
        """Version of the running server, such as 15.18."""
        # The server's own answer: it may be of another version than the programs here. A
        # distribution adds a suffix, `15.18 (Debian …)`.
        return self._ask("show server_version").split(" ", 1)[0]

    def current_segment(self) -> str:
        """Return the name of the WAL segment that is being written."""
        return self._ask("select pg_walfile_name(pg_current_wal_lsn())")

    def base(self) -> Iterator[bytes]:
        """Yield the data folder as a tar of pg_basebackup.

        Raises:
            BackupError: the server is of another major version than the programs here.
        """
        served = self.version
        refuse_other_major(f"the database is served by PostgreSQL {served}", served, self.binaries)
        return base_backup(self.binaries, self.conninfo)

    def mark(self, restore_point: str) -> Moment:
        """Name a moment in the WAL and wait until its segment is archived.

        Raises:
            BackupError: the server did not archive it within two minutes.
        """
        tables = marked_moment(self.conninfo, restore_point)
        # The segment of this instant is the moment's own or a later one.
        segment = self._ask("select pg_walfile_name(pg_current_wal_insert_lsn())")
        self._ask("select pg_switch_wal()::text")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (self.archive / segment).exists():
            if time.monotonic() > deadline:
                raise BackupError(
                    "the database has not archived its WAL for two minutes: its log says why"
                )
            time.sleep(_STEP_SECONDS)
        return Moment(tables, segment)

    def _ask(self, query: str) -> str:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return str(row[0]) if row else ""
