"""Values of key rotation: inventory entries, rotations, run context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from theseller.lib.translation_marks import MarkedText, gettext_noop

#: The owner, in the key store, of the keys that controls seal their test messages with.
PROBE_OWNER = "probe"

Details = dict[str, str | int]


class SecretKind(StrEnum):
    """What a secret is, and with that how it is replaced."""

    ROOT_KEY = gettext_noop("root key")
    PURPOSE_KEY = gettext_noop("purpose key")
    CONNECTION_KEY = gettext_noop("data key of a connection")
    CERTIFICATE_KEY = gettext_noop("certificate signing key")
    AUDIT_KEY = gettext_noop("audit log signing key")
    SECOND_FACTOR_KEY = gettext_noop("key of second factors")
    SESSION_KEY = gettext_noop("session key")
    TICKET_KEY = gettext_noop("tenant-ticket key")
    DATABASE_PASSWORD = gettext_noop("database password")  # a kind
    CLIENT_SECRET = gettext_noop("LWA client secret")  # a kind
    MAIL_PASSWORD = gettext_noop("password of the mail server")  # a kind
    OIDC_SECRET = gettext_noop("client secret at the identity provider")  # a kind
    SERVICE_CREDENTIAL = gettext_noop("credential of the key service")
    BACKUP_KEY = gettext_noop("key of a backup")
    PROBE_KEY = gettext_noop("key of a control's test messages")
    MAIL_KEY = gettext_noop("key of a day's mail")
    OTHER = gettext_noop("unclassified")


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

    FRESH = gettext_noop("fresh")
    DUE = gettext_noop("due")
    OVERDUE = gettext_noop("overdue")
    UNKNOWN = gettext_noop("unknown")
    EXEMPT = gettext_noop("exempt")

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
    how: MarkedText
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
