"""Queue mail, try again, and record addresses that get none."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.utils import translation

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.structured_logging import getLogger
from theseller.mail.context_sealing import sealed_context
from theseller.mail.mail_kinds import DeliveryTest, MailContext, OperatorAlert, encoded
from theseller.mail.recipient_address_checks import checked_address
from theseller.mail.recipient_policy import RecipientRefusedError, allowed_recipient
from theseller.mail.rendering import one_line
from theseller.mail.types import MailMode, QueuedMail, QueueOutcome

log = getLogger(__name__)

_REASON_MAX = 300


def queue_mail(
    context: MailContext,
    *,
    recipient: str,
    idempotency_key: str,
    at: datetime,
    language: str = "",
    using: str | None = None,
) -> QueuedMail:
    """Queue one message in the caller's transaction; the worker sends it.

    A refusal is a result, not an error, so that no change fails because its notice can't be sent.

    Args:
        context: what the text is made of; its type is the kind of mail.
        recipient: an address.
        idempotency_key: names the event that the mail is about, such as ``reset:<id>``. The same
            key queues one message only, for ever as long as the message is stored.
        at: now.
        language: of a recipient who has not chosen one for their account: that of the request,
            where its sender may know the recipient; by default the deployment's.
        using: the connection of the caller's transaction; by default that of the accounts. Its
            role is `auth`, `operator` or `worker`.

    Raises:
        KeyStoreError: the context must be sealed, and the key store does not answer.
    """
    if settings.MAIL.mode is MailMode.OFF:
        _log_mail_off(context)
        return QueuedMail(QueueOutcome.MAIL_OFF)
    database = using or accounts_database()
    try:
        found = allowed_recipient(recipient, audience=context.audience, at=at, using=database)
    except RecipientRefusedError as error:
        log.info("mail_not_queued", kind=context.kind, reason=error.reason.name.lower())
        return QueuedMail(QueueOutcome.REFUSED, reason=error.reason)
    message = new_id()
    language = _chosen_language(found.user, database) or language or settings.LANGUAGE_CODE
    text = _encoded(context, language)
    sealed, key = (
        sealed_context(message, text, at=at, using=database) if context.secret else (None, None)
    )
    with transaction.atomic(using=database):
        inserted = sql_execution.execute(
            connections[database],
            "insert into mail_message (id, kind, recipient, user_id, language, idempotency_key,"
            " message_id, queued_at, deliver_until, next_attempt_at, state, context, sealed,"
            " data_key_id) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'queued', %s, %s, %s)"
            " on conflict (idempotency_key) do nothing",
            [
                message,
                context.kind,
                found.address,
                found.user,
                language,
                idempotency_key,
                f"<{message}@{settings.MAIL.sender.rpartition('@')[2]}>",
                at,
                at + context.deliver_within,
                at,
                None if context.secret else text,
                sealed,
                key,
            ],
        )
    return (
        QueuedMail(QueueOutcome.QUEUED, message)
        if inserted
        else QueuedMail(QueueOutcome.ALREADY_QUEUED)
    )


def _chosen_language(person: UUID | None, database: str) -> str:
    """Return the language that a person chose, "" without a choice."""
    if person is None:
        return ""
    chosen = sql_execution.value(connections[database], "select guard.mail_language(%s)", [person])
    return chosen if chosen in dict(settings.LANGUAGES) else ""


def _log_mail_off(context: MailContext) -> None:
    """Log a message that was not queued, unless it is a test.

    The probe of a control queues many tests each hour, and the caller of another gets the outcome.
    """
    if not isinstance(context, DeliveryTest):
        log.warning("mail_not_queued", kind=context.kind, reason="no_mail_server")


def _encoded(context: MailContext, language: str) -> str:
    with translation.override(language):
        return encoded(context)


def alert_operators(
    alert: OperatorAlert, *, idempotency_key: str, at: datetime
) -> tuple[QueuedMail, ...]:
    """Queue an alert for each operator, as the worker."""
    addresses = sql_execution.rows(
        connections["default"], "select address from guard.operator_addresses()"
    )
    return tuple(
        queue_mail(
            alert,
            recipient=address,
            # By address, as operators come and go between two calls.
            idempotency_key=f"{idempotency_key}:{sha256(address.encode()).hexdigest()[:16]}",
            at=at,
            using="default",
        )
        for (address,) in addresses
    )


def queue_test_mail(*, recipient: str, actor: str, at: datetime) -> QueuedMail:
    """Queue a test mail, as the worker."""
    with transaction.atomic():
        queued = queue_mail(
            DeliveryTest(at),
            recipient=recipient,
            idempotency_key=f"test:{new_id()}",
            at=at,
            using="default",
        )
        if queued.id is not None:
            record(Tag.MAIL_TESTED, actor=actor, tenant=None, subject=f"mail:{queued.id}", at=at)
    return queued


def send_again(*, message: UUID, actor: str, at: datetime, using: str = "default") -> bool:
    """Send a message again; False if there is none with this ID that can be.

    One that waits for its next attempt is tried at once. One whose delivery failed is queued again
    with the same `Message-ID`, if its text is stored: that of a message with a link that acts for
    its reader never is.

    Args:
        message: its ID.
        actor: who sends it again.
        at: now.
        using: a connection as `operator` or `worker`.
    """
    with transaction.atomic(using=using):
        found = bool(
            sql_execution.value(
                connections[using], "select guard.send_mail_again(%s, %s)", [message, at]
            )
        )
        if found:
            record(
                Tag.MAIL_RETRIED,
                actor=actor,
                tenant=None,
                subject=f"mail:{message}",
                at=at,
                using=using,
            )
    return found


def refuse_address(*, address: str, reason: str, actor: str, at: datetime) -> UUID:
    """Record that an address gets no mail any more, such as after a bounce.

    Returns:
        The ID of the record.

    Raises:
        AddressRefusedError: the address has no valid form.
    """
    with transaction.atomic():
        identity = note_refused_address(checked_address(address), reason, at=at)
        record(
            Tag.MAIL_ADDRESS_REFUSED, actor=actor, tenant=None, subject=f"mail:{identity}", at=at
        )
    return identity


def allow_address(*, address: str, actor: str, at: datetime) -> bool:
    """Let an address get mail again; False if it was not refused.

    Raises:
        AddressRefusedError: the address has no valid form.
    """
    with transaction.atomic():
        row = sql_execution.one(
            connections["default"],
            "delete from mail_refused_address where address = %s returning id",
            [checked_address(address)],
        )
        if row is not None:
            record(
                Tag.MAIL_ADDRESS_ALLOWED, actor=actor, tenant=None, subject=f"mail:{row[0]}", at=at
            )
    return row is not None


def note_refused_address(address: str, reason: str, *, at: datetime) -> UUID:
    """Store that `address` gets no mail, in the worker's transaction."""
    identity: UUID = sql_execution.value(
        connections["default"],
        "insert into mail_refused_address (address, id, user_id, refused_at, reason) values"
        " (%s, %s, (select user_id from guard.mail_recipient(%s)), %s, %s) on conflict (address)"
        " do update set refused_at = excluded.refused_at, reason = excluded.reason returning id",
        [address, new_id(), address, at, one_line(reason)[:_REASON_MAX] or "refused"],
    )
    return identity
