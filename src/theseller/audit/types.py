"""Lines of the log, checkpoints, and results of a verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

#: A point in the order in which lines are sealed: number of the transaction, then position.
Mark = tuple[int, int]
NOWHERE: Mark = (0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: its mark, and the SHA-256 of its columns.

    The position is in the mark and not in the digest.
    """

    mark: Mark
    digest: bytes

    @property
    def position(self) -> int:
        """The line's position in the log, the second part of its mark."""
        return self.mark[1]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One signed checkpoint, read from its `document`.

    `until` is the last line that it covers; `rows_total` counts from the first line of the log.
    `next_key` is the hex public key that signs from the next checkpoint on, "" if it is the same.
    `lost_from` is for a restoration: the lines under the checkpoints from that number on are lost;
    0 in all others.
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
    """One thing that is wrong with the log.

    `position` is the line's; None if the finding is about a checkpoint or the copy.
    """

    fault: Fault
    message: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check of the log.

    `rows_checked` of `rows_sealed` lines were compared with their digests. `lost` says which lines
    were lost in restorations that an operator has accepted: that is not a fault, and is always
    reported. `unsealed` lines are newer than the last checkpoint: nothing proves them yet.
    `oldest_unsealed_at` is when the first of them was written.
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
        """Whether nothing is wrong with the log."""
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
    """The key store lacks the key that must sign the next checkpoint.

    The message says what to do.
    """


class LogBehindError(RuntimeError):
    """The database lacks checkpoints that the copy has.

    The message says what to do.
    """


class CopyConflictError(LogBehindError):
    """The database's checkpoints do not continue the copy.

    The message says which, and what to do.
    """


class RestorationRefusedError(RuntimeError):
    """The database is not a restored backup of its own.

    Nothing was changed.
    """


class CopyAcceptanceRefusedError(RuntimeError):
    """There is nothing to accept, or the reason is refused.

    Nothing was changed.
    """


class SealingBusyError(RuntimeError):
    """Another process seals the log at this moment."""
