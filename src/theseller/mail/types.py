"""Values of `mail`: settings, outcomes of queueing and delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.lib.translation_marks import gettext_noop


class MailMode(StrEnum):
    """Where mail goes."""

    SMTP = "smtp"  # to the configured mail server
    INBOX = "inbox"  # to the inbox page of a demo
    OFF = "off"  # nowhere: no mail server is configured


class TlsMode(StrEnum):
    """How the connection to the mail server is encrypted."""

    IMPLICIT = "implicit"  # from its first byte (RFC 8314)
    STARTTLS = "starttls"  # by STARTTLS, without which nothing is sent (RFC 3207)
    NONE = "none"  # not: to this machine only, in a demo or a test


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server that takes mail from this deployment.

    `ca_file` names the authorities to trust in place of the system's; "" for the system's. Without
    `user` no one signs in.
    """

    host: str
    port: int
    tls: TlsMode
    user: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The settings of mail, without secrets.

    `sender` is the address that mail comes from, `sender_name` the name beside it. `authorities`
    are addresses outside of the deployment that may get notices, such as Amazon's for incidents.
    """

    mode: MailMode = MailMode.OFF
    server: MailServer | None = None
    sender: str = ""
    sender_name: str = ""
    authorities: tuple[str, ...] = ()


class Audience(StrEnum):
    """Who may get mail of a kind."""

    MEMBER = "member"
    OPERATOR = "operator"
    INVITED = "invited"
    SIGNING_UP = "signing_up"
    AUTHORITY = "authority"


class RefusalReason(StrEnum):
    """Why an address gets no mail."""

    INVALID = gettext_noop("the address has no valid form")
    AMAZON_RELAY = gettext_noop("the address is one of Amazon's relay addresses of buyers")
    NOT_A_RECIPIENT = gettext_noop("the address is no recipient of this kind of mail")
    ADDRESS_REFUSED = gettext_noop("a mail server refused the address before")


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that may get mail; `user` is its account, if it has one."""

    address: str
    user: UUID | None = None


class QueueOutcome(StrEnum):
    """What became of a request to send mail."""

    QUEUED = "queued"
    ALREADY_QUEUED = "already_queued"  # the same idempotency key was used before
    REFUSED = "refused"  # by the recipient policy
    MAIL_OFF = "mail_off"  # this deployment has no mail server


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """The result of `queue_mail`; `id` is the message's if it was queued."""

    outcome: QueueOutcome
    id: UUID | None = None
    reason: RefusalReason | None = None


class MessageState(StrEnum):
    """The state of a message in the outbox.

    `UNKNOWN` is final: the server may have accepted the message, but no answer came, and the time
    for other attempts is over.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class AttemptOutcome(StrEnum):
    """How one attempt at delivery ended."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # the server answered, and another attempt may help
    REJECTED = "rejected"  # the server refused for good
    UNREACHABLE = "unreachable"  # no conversation: nothing was sent
    UNKNOWN = "unknown"  # the message was sent, and no answer came


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The receipt of an attempt: the server's reply, or why none came.

    `address_refused` says that a rejection is about the address, not about this message.
    """

    outcome: AttemptOutcome
    code: int | None = None
    reply: str = ""
    address_refused: bool = False


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message of the outbox that is about to be sent."""

    id: UUID
    kind: str
    recipient: str
    language: str
    message_id: str
    queued_at: datetime
    deliver_until: datetime
    attempts: int
    context: str | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message as operators see it, with the receipt of its last attempt.

    `unknown_attempts` counts attempts of which it is not known whether the server accepted them.
    """

    id: UUID
    kind: str
    recipient: str
    state: MessageState
    queued_at: datetime
    attempts: int
    next_attempt_at: datetime
    finished_at: datetime | None
    message_id: str
    reason: str
    code: int | None
    reply: str
    unknown_attempts: int


@dataclass(frozen=True, slots=True)
class RefusedAddress:
    """An address that gets no mail, with the reason."""

    address: str
    refused_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class UndeliveredMail:
    """A message that was not delivered, as operators' pages see it.

    It failed, was refused, or is tried again. Addresses, links and long random words are left out
    of all texts.

    Attributes:
        recipient: the first letter of the address, and its domain.
        outcome: how the last attempt ended; None before the first.
        reply: the mail server's reply to the last attempt, or why none came.
        reason: why the delivery ended, or why it waits.
        address_refused: whether the address gets no mail at present.
        text_stored: whether its text is stored, so that it can be sent again after it failed.
    """

    id: UUID
    kind: str
    recipient: str
    state: MessageState
    queued_at: datetime
    deliver_until: datetime
    next_attempt_at: datetime
    finished_at: datetime | None
    attempts: int
    outcome: AttemptOutcome | None
    code: int | None
    reply: str
    reason: str
    address_refused: bool
    text_stored: bool

    @property
    def retrying(self) -> bool:
        """Whether it waits for another attempt."""
        return self.state is MessageState.QUEUED

    @property
    def can_be_sent_again(self) -> bool:
        """Whether sending it again may help."""
        return (self.retrying or self.text_stored) and not self.address_refused


@dataclass(frozen=True, slots=True)
class UndeliveredCounts:
    """How many messages were not delivered.

    Attributes:
        numbers: by kind and state. ``retrying`` counts those that wait for another attempt;
            ``failed``, ``refused`` and ``unknown`` those that ended within the last 24 hours.
        retrying_seconds: for how long the oldest that is retried has been queued.
    """

    numbers: dict[tuple[str, str], int]
    retrying_seconds: float = 0.0

    @property
    def retrying(self) -> int:
        """How many wait for another attempt."""
        return sum(count for (_, state), count in self.numbers.items() if state == "retrying")

    @property
    def ended(self) -> int:
        """How many ended undelivered within the last 24 hours."""
        return sum(self.numbers.values()) - self.retrying

    @property
    def to_accounts(self) -> int:
        """How many of those that ended concern an account, and failed.

        Addresses of invitations and sign-ups are typed by people, and may be wrong; the sender of a
        test sees its outcome.
        """
        return sum(
            count
            for (kind, state), count in self.numbers.items()
            if state in {"failed", "unknown"} and kind not in {"invitation", "sign_up", "test"}
        )
