"""What a probe may use.

The deployment, read-only, and the application's connection for attempts that must fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections as databases
from django.db import transaction
from django.db.backends.utils import CursorWrapper

from theseller.controls.probe_tools import disk_encryption
from theseller.controls.probe_tools.disk_encryption import Machine
from theseller.crypto.key_store_protocol import KeyStore
from theseller.postgres.server_folders import control_folder, saved_layout

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """The deployment at one instant.

    `probe` and `application` are names of database connections; `machine` is the machine it runs
    on.
    """

    at: datetime
    probe: str
    application: str
    machine: Machine = disk_encryption.THIS_MACHINE

    @property
    def keys(self) -> KeyStore:
        """The deployment's key store."""
        return settings.KEY_STORE

    @property
    def state(self) -> Path:
        """The state folder."""
        return settings.ENVIRONMENT.state

    @property
    def keys_directory(self) -> Path:
        """Folder of the data keys, if they are in files."""
        return self.state / "keys"

    @property
    def secrets_directory(self) -> Path:
        """Folder of the secrets, if they are in files."""
        return settings.ENVIRONMENT.secrets_directory

    @property
    def backups_directory(self) -> Path:
        """Default folder of the backups."""
        return self.state / "backups"

    @property
    def database_directory(self) -> Path | None:
        """Data folder of the embedded database; None for an external one."""
        if settings.ENVIRONMENT.database_url:
            return None
        layout = saved_layout(self.state)
        return layout.data if layout else control_folder(self.state) / "data"

    @contextmanager
    def read_only_cursor(self) -> Iterator[CursorWrapper]:
        """Open a transaction of the probe's that can change nothing."""
        with transaction.atomic(using=self.probe), databases[self.probe].cursor() as cursor:
            cursor.execute("set transaction read only")
            yield cursor

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return what the probe sees, over all tenants."""
        with self.read_only_cursor() as cursor:
            cursor.execute(sql, list(parameters))
            found: list[Row] = cursor.fetchall()
            return found

    def number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Return the one number that a query of the probe's answers."""
        return int(self.rows(sql, parameters)[0][0])


def live_context(at: datetime) -> ProbeContext:
    """Return the deployment as the worker sees it.

    In tests every role has a connection; the worker's is then the application's.
    """
    application = "worker" if "worker" in databases.settings else "default"
    return ProbeContext(at, "probe", application, disk_encryption.THIS_MACHINE)
