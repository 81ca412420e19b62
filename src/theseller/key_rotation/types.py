"""Values of key rotation: inventory entries, rotations, run context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

#: The owner, in the key store, of the keys that controls seal their test messages with.
PROBE_OWNER = "probe"

Details = dict[str, str | int]


class SecretKind(StrEnum):
    """What a secret is, and with that how it is replaced."""

    ROOT_KEY = "root key"
    PURPOSE_KEY = "purpose key"
    CONNECTION_KEY = "data key of a connection"
    CERTIFICATE_KEY = "certificate signing key"
    AUDIT_KEY = "audit log signing key"
    SECOND_FACTOR_KEY = "key of second factors"
    SESSION_KEY = "session key"
    TICKET_KEY = "tenant-ticket key"
    DATABASE_PASSWORD = "database password"  # a kind  # noqa: S105
    CLIENT_SECRET = "LWA client secret"  # a kind  # noqa: S105
    SERVICE_CREDENTIAL = "credential of the key service"
    BACKUP_KEY = "key of a backup"
    PROBE_KEY = "key of a control's test messages"
    OTHER = "unclassified"


class RotationReason(StrEnum):
    """Why a secret is replaced.

    After a leak the old one is rejected at once; else only when it is no longer in use.
    """

    DUE = "due"
    MANUAL = "manual"
    LEAKED = "leaked"
    LEAVER = "leaver"


class SecretState(StrEnum):
    """The state of a secret.

    `UNKNOWN`, no known age, counts as badly as `OVERDUE`.
    """

    FRESH = "fresh"
    DUE = "due"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"

    @property
    def red(self) -> bool:
        """Say whether the secret is too old, or of unknown age."""
        return self in {SecretState.OVERDUE, SecretState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class SecretEntry:
    """One secret of the deployment.

    `due_at` is when it is too old; `how` says how it is replaced, for manual replacement with the
    steps.
    """

    name: str
    kind: SecretKind
    owner: str
    made_at: datetime | None
    due_at: datetime | None
    state: SecretState
    automatic: bool
    how: str
    rotated_at: datetime | None
    under_way: str


@dataclass(frozen=True, slots=True)
class RotationContext:
    """What a rotation gets from its caller.

    Attributes:
        now: returns the present instant, aware.
        wait: waits a number of seconds.
        say: gets (secret, step, event); events are `begin`, `done` (its effect is there),
            `recorded`, and `later: …` with the reason.
        patience: how long a step may wait before it is left for later.
    """

    now: Callable[[], datetime]
    wait: Callable[[float], None]
    say: Callable[[str, str, str], None] = lambda _secret, _step, _event: None
    patience: timedelta = timedelta(seconds=60)


@dataclass(slots=True)
class Run:
    """A rotation under way.

    `step` is the last one that is done, `details` what later steps need to know. Neither contains a
    secret.
    """

    id: UUID
    secret: str
    reason: RotationReason
    actor: str
    step: str
    started_at: datetime
    context: RotationContext
    details: Details = field(default_factory=dict)
    skip_waits: bool = False

    @property
    def leaked(self) -> bool:
        """Say whether the old secret must be rejected at once.

        After a leak, or when waiting is skipped.
        """
        return self.reason is RotationReason.LEAKED or self.skip_waits

    @property
    def at(self) -> datetime:
        """Return the present instant."""
        return self.context.now()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rotation. It may be called any number of times.

    `run` returns "" when its effect is there, else why it has to be tried again later.
    """

    name: str
    run: Callable[[Run], str]
    description: str


@dataclass(frozen=True, slots=True)
class RotationResult:
    """How a call of `rotate` ended.

    It finished, or `waits_for` something and is continued by the recurring job or another call.
    """

    secret: str
    finished: bool
    step: str
    waits_for: str = ""


class RotationError(RuntimeError):
    """A secret can't be replaced now.

    The message says why and what to do; it contains no secret.
    """


class UnknownSecretError(RotationError):
    """The deployment has no secret of this name."""


class ManualRotationError(RotationError):
    """The machine can't replace this one; the message gives the steps."""


class RotationBusyError(RotationError):
    """Another process replaces secrets just now."""


class NewSecretRefusedError(RotationError):
    """A service that must accept the new secret does not. Nothing was changed."""


class NotReplacedError(RotationError):
    """Some secrets could not be replaced.

    The message names each with the kind of its failure. The cause groups the failures.
    """
