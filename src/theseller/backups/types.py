"""Values of backups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from theseller.erasure.journal_loss_detection import Extent


class BackupError(RuntimeError):
    """A backup could not be taken, read or restored.

    The message says why and what to do, and contains no data.
    """


class UnavailableError(BackupError):
    """Something that a backup needs cannot answer now, or has no space.

    This says nothing about the backup; the next try may succeed.
    """


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A table's number of rows, and the sum of a hash over them.

    The hash has 64 bits and is taken of each row's text. The order of rows does not matter.
    """

    rows: int
    total: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of one backup, sealed with it and written last.

    A backup without a manifest is none. `first_segment` to `last_segment` is the WAL that makes the
    copied files consistent: the restore point `restore_point`, at which, `snapshot_at`, `tables`
    was true. `objects` names each sealed object and its SHA-256. `journal` is what the erasure
    journal had when the backup was taken, None in a manifest of a version that did not write it.
    """

    id: UUID
    environment: str
    software: str
    postgres: str
    begun_at: datetime
    snapshot_at: datetime
    first_segment: str
    last_segment: str
    restore_point: str
    tables: Mapping[str, Fingerprint]
    objects: Mapping[str, str]
    journal: Extent | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as the deployment knows it.

    It can be restored if it is finished and its key is not destroyed.
    """

    id: UUID
    begun_at: datetime
    finished_at: datetime | None
    bytes: int
    failed: str
    key_destroyed_at: datetime | None
    drilled_at: datetime | None
    drill_passed: bool | None

    @property
    def alive(self) -> bool:
        """Whether it can be read with the key store."""
        return self.key_destroyed_at is None

    @property
    def good(self) -> bool:
        """Whether it is complete, readable and proven by a drill."""
        return self.alive and self.finished_at is not None and self.drill_passed is True


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore made of which backup.

    `ended_again` counts the connections that had been ended since, and were ended and erased again;
    `to_authorise` those whose token's key was replaced since: they are open, and their shops have
    to authorize them again; `keys_destroyed` the keys of ended connections that the key store, an
    older copy, still had.
    """

    backup: UUID
    begun_at: datetime
    ended_again: int
    to_authorise: int
    keys_destroyed: int


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What one run of the recurring job did, and what failed.

    One sentence each.
    """

    done: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drill:
    """The result of a rehearsed restore.

    `faults` is empty if it passed; `checked` counts what was compared.
    """

    backup: UUID
    begun_at: datetime
    finished_at: datetime
    checked: Mapping[str, int]
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the drill found no fault."""
        return not self.faults
