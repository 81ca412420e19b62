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
