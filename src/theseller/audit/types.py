"""Lines of the log, checkpoints, and results of a verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

#: A place in the order in which lines are sealed: number of the transaction, then position.
Mark = tuple[int, int]
NOWHERE: Mark = (0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: its mark, and the SHA-256 of all its columns."""

    mark: Mark
    digest: bytes

    @property
    def position(self) -> int:
        return self.mark[1]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One signed checkpoint, read from its `document`. `until` is the last line that it covers, `rows_total` counts from the first on.

    `next_key` names the key that signs from the next one on, if it is another. `lost_from`: the
    database was restored from a backup, and what the checkpoints from that number on covered is
    lost; 0 in all others.
    """

    number: int
    sealed_at: str
    previous: str
    rows: int
    rows_total: int
    until: Mark
    leaves_digest: str
    public_key: str
    next_key: str
    lost_from: int
    document: bytes

    @property
    def key_after(self) -> str:
        """The public key that must have signed the next checkpoint."""
        return self.next_key or self.public_key


class Fault(StrEnum):
    """What can be wrong with the log."""

    ADDED = "added"
    CHANGED = "changed"
    MISSING = "missing"
    OUT_OF_ORDER = "out of order"
    CHECKPOINT = "checkpoint"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `position` is the line's, None if it concerns a checkpoint or the copy."""

    fault: Fault
    message: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. The log is `whole` if nothing is wrong; `rows_checked` of `rows_sealed` lines were compared with their digests.

    `lost` says which lines were lost in restorations that an operator has accepted. It is no fault,
    and is always reported. `unsealed` lines are newer than the last checkpoint: nothing proves them
    yet. `oldest_unsealed_at` is when the first of them was written.
    """

    findings: tuple[Finding, ...]
    checkpoints: int
    rows_sealed: int
    rows_checked: int
    unsealed: int
    oldest_unsealed_at: datetime | None
    lost: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.findings


@dataclass(frozen=True, slots=True)
class EventView:
    """One line as people read it."""

    position: int
    at: datetime
    tag: str
    actor: str
    tenant: UUID | None
    subject: str
    details: Mapping[str, str | int | bool | None]


class AuditKeyLostError(RuntimeError):
    """The key that must sign the next checkpoint is not in the key store. The message says what to do."""


class LogBehindError(RuntimeError):
    """The database lacks checkpoints that the copy outside has. The message says what to do."""


class CopyConflictError(LogBehindError):
    """The database's checkpoints do not continue the copy outside it. The message says which, and what to do."""


class RestorationRefusedError(RuntimeError):
    """The database does not look like one that was restored from its own backup. Nothing was changed."""


class CopyAcceptanceRefusedError(RuntimeError):
    """There is nothing to accept, or the reason is missing. Nothing was changed."""


class SealingBusyError(RuntimeError):
    """Another process seals the log just now."""
