"""Security page §1: buyers are never contacted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from theseller.amazon import spapi_operations as allow_list
from theseller.controls.probe_tools import module_imports
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.translation_marks import gettext_noop
from theseller.mail import delivery, operations
from theseller.mail.amazon_relay_addresses import is_relay
from theseller.mail.mail_kinds import KINDS, DeliveryTest
from theseller.mail.types import MailMode, OutboxMessage, QueuedMail, QueueOutcome, RefusalReason

CONTROL = Control(
    id="aup-no-buyer-contact",
    section=1,
    title=gettext_noop("No buyer is ever contacted"),
    statement=gettext_noop(
        "The service can't write to a buyer: it may call no messaging or solicitation operation of"
        " Amazon's, and it asks for no buyer's address. It sends mail to members, operators,"
        " persons they invited and authorities that the operator configured, and refuses every"
        " other address, and Amazon's relay addresses of buyers always."
    ),
    citation="Security page §1; Acceptable Use Policy 4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.amazon.spapi_operations:OPERATIONS",
        "theseller.mail.recipient_policy:allowed_recipient",
        "theseller.mail.amazon_relay_addresses:is_relay",
    ),
)

_CONTACT = ("/messaging", "/solicitations", "/notifications/v1/destinations", "/feeds")
_MAILERS = (
    "smtplib",
    "aiosmtplib",
    "django.core.mail",
    "sendgrid",
    "mailgun",
    "postmarker",
    "twilio",
    "boto3",
)
#: The only module that connects to mail servers.
_MAIL_CLIENT = "mail/smtp_client.py"
_CONSTRAINT = (
    "select count(*) from pg_constraint where conname = 'mail_message_no_relay' and convalidated"
    " and conrelid = 'public.mail_message'::regclass"
)


def probe(context: ProbeContext) -> Outcome:
    """Read operations and imports, and try to mail canary addresses."""
    modules = module_imports.module_imports()
    paths = {name: one.path for name, one in allow_list.OPERATIONS.items()}
    must_find(
        _reaching({"planted": "/messaging/v1/orders/{amazonOrderId}/messages/warranty"}),
        "an operation that writes to a buyer",
    )
    must_find(_mailing({"planted.py": frozenset({"smtplib"})}), "a module that sends mail")
    must_find("smtplib" in modules.get(_MAIL_CLIENT, ()), "the program's own mail client")
    canaries = _canaries()
    mail_failures = [*_accepted(context, canaries), *_unguarded(context)]
    failures = [*_reaching(paths), *_mailing(modules), *mail_failures]
    return verdict(
        len(paths) and len(paths) + len(modules) + len(canaries),
        failures,
        f"None of {len(allow_list.OPERATIONS)} operations can reach a buyer, one of"
        f" {len(modules)} modules sends mail, and it refused {len(canaries)} test addresses when"
        " mail was queued and again before it would have been sent.",
        operations=len(allow_list.OPERATIONS),
        modules=len(modules),
        refused_addresses=len(canaries),
    )


def _canaries() -> Mapping[str, RefusalReason]:
    """Return addresses that must be refused, with the reason."""
    stores = sorted({one.sales_channel for one in MARKETPLACES.values()})
    name = f"canary-{new_id().hex}"
    return dict.fromkeys(
        (f"{name}@marketplace.{store}" for store in stores), RefusalReason.AMAZON_RELAY
    ) | {
        f"{name}@marketplace.amazon.de.": RefusalReason.AMAZON_RELAY,
        f"{name}=marketplace.amazon.de@forward.example": RefusalReason.AMAZON_RELAY,
        f"{name}@unknown.example": RefusalReason.NOT_A_RECIPIENT,
    }


def _accepted(context: ProbeContext, canaries: Mapping[str, RefusalReason]) -> Iterator[str]:
    """Yield what the policy let through when queueing and when sending.

    Each attempt is rolled back. With no mail server nothing is queued at all; the second attempt
    is made all the same.
    """
    for address, reason in canaries.items():
        what = "One of Amazon's relay addresses" if is_relay(address) else "An unknown address"
        try:
            queued = _queue_and_roll_back(address, context)
        except IntegrityError:
            yield f"{what} was refused by the outbox's constraint only when mail was queued."
            continue
        expected = (
            (QueueOutcome.MAIL_OFF, None)
            if settings.MAIL.mode is MailMode.OFF
            else (QueueOutcome.REFUSED, reason)
        )
        if (queued.outcome, queued.reason) != expected:
            yield f"{what} was not refused when mail was queued: {queued.outcome}."
        for kind in KINDS:
            found = delivery.refusal_before_attempt(
                _planted(kind, address, context), at=context.at, using=context.application
            )
            if found is not reason:
                yield f"{what} was not refused before mail of the kind {kind} would be sent."


def _queue_and_roll_back(address: str, context: ProbeContext) -> QueuedMail:
    with transaction.atomic(using=context.application):
        queued = operations.queue_mail(
            DeliveryTest(context.at),
            recipient=address,
            idempotency_key=f"probe:{new_id()}",
            at=context.at,
            using=context.application,
        )
        transaction.set_rollback(True, using=context.application)
    return queued


def _planted(kind: str, address: str, context: ProbeContext) -> OutboxMessage:
    return OutboxMessage(
        id=new_id(),
        kind=kind,
        recipient=address,
        language="en",
        message_id="<canary@probe.example>",
        queued_at=context.at,
        deliver_until=context.at + timedelta(hours=1),
        attempts=0,
        context="{}",
        sealed=None,
    )


def _unguarded(context: ProbeContext) -> Iterator[str]:
    if context.number(_CONSTRAINT) != 1:
        yield "The outbox has lost the constraint that refuses Amazon's relay addresses."


def _reaching(paths: Mapping[str, str]) -> list[str]:
    return [
        f"The operation {name} can reach a buyer."
        for name, path in paths.items()
        if path.startswith(_CONTACT)
    ]


def _mailing(modules: Mapping[str, frozenset[str]]) -> list[str]:
    return [
        f"Module {module} imports a mailer: {name}."
        for module, names in modules.items()
        if module != _MAIL_CLIENT
        for name in sorted(names)
        if name.startswith(_MAILERS)
    ]
