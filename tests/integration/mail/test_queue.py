"""Queueing: who may get mail, once for each event, in the caller's transaction."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import connections, transaction
from django.db.utils import DatabaseError
from django.test import override_settings
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.integration.mail.conftest import AUTHORITY
from tests.operators import create_operator

from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.mail.mail_kinds import (
    DeliveryTest,
    Invitation,
    MailContext,
    OperatorAlert,
    PasswordReset,
    SecurityNotice,
)
from theseller.mail.operations import alert_operators, allow_address, queue_mail, refuse_address
from theseller.mail.types import MailMode, MailSettings, QueuedMail, QueueOutcome, RefusalReason

_LATER = NOON + timedelta(hours=1)
RESET = PasswordReset("http://testserver/reset/canary-of-the-link", _LATER)
INVITATION = Invitation("http://testserver/join/canary", _LATER, "Alice's shop", "Alice")
NOTICE = SecurityNotice("password_changed", NOON)
ALERT = OperatorAlert("A control failed", "pii-strip", "http://testserver/security/", NOON)


def queue(context: MailContext, recipient: str, key: str = "") -> QueuedMail:
    return queue_mail(
        context, recipient=recipient, idempotency_key=key or f"test:{new_id()}", at=NOON
    )


def stored() -> list[tuple[str, str]]:
    """Return kind and recipient of what is stored."""
    return [
        (row[0], row[1])
        for row in sql_execution.rows(
            connections["worker"], "select kind, recipient from mail_message order by id"
        )
    ]


def _invited(address: str, at: object, using: str) -> bool:
    return address == "dora@example.com" and using in connections


def test_member_gets_mail_about_their_account(cast: Cast) -> None:
    queued = queue(RESET, cast.alice.email.upper())
    assert queued.outcome is QueueOutcome.QUEUED
    assert stored() == [("password_reset", cast.alice.email)]


@pytest.mark.parametrize("context", [RESET, INVITATION, NOTICE, ALERT], ids=lambda one: one.kind)
def test_unknown_and_former_members_get_nothing(
    context: MailContext, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    # An account without a shop, such as that of a former member.
    former = f"former.{new_id().hex}@example.com"
    create_user(email=former, name="F", password=Secret(str(new_id())), at=NOON)
    for address in ("unknown@example.com", former, AUTHORITY):
        result = queue(context, address)
        assert (result.outcome, result.reason) == (
            QueueOutcome.REFUSED,
            RefusalReason.NOT_A_RECIPIENT,
        )
        assert address not in caplog.text
    assert stored() == []


def test_member_with_a_relay_address_gets_nothing(cast: Cast) -> None:
    address = f"x{new_id().hex}@marketplace.amazon.de"
    person = create_user(email=address, name="Eve", password=Secret(str(new_id())), at=NOON)
    add_member(
        person=person,
        role=MemberRole.VIEWER,
        tenant=cast.alices_shop,
        actor="process:test",
        at=NOON,
    )
    assert queue(NOTICE, address).reason is RefusalReason.AMAZON_RELAY
    assert stored() == []


def test_the_database_itself_refuses_a_relay_address(cast: Cast) -> None:
    with pytest.raises(DatabaseError, match="mail_message_no_relay"), transaction.atomic("worker"):
        sql_execution.execute(
            connections["worker"],
            "insert into mail_message (id, kind, recipient, language, idempotency_key, message_id,"
            " queued_at, deliver_until, next_attempt_at, state, context) values"
            " (%s, 'test', 'x@marketplace.amazon.de', 'en', 'k', '<a@b>', now(), now() + '1 hour',"
            " now(), 'queued', '{}')",
            [new_id()],
        )


def test_operators_get_alerts_and_members_do_not(cast: Cast) -> None:
    operator = create_operator()
    assert queue(ALERT, cast.alice.email).outcome is QueueOutcome.REFUSED
    with as_role("worker"):
        sent = alert_operators(ALERT, idempotency_key=f"alert:{new_id()}", at=NOON)
    assert {one.outcome for one in sent} == {QueueOutcome.QUEUED}
    assert ("operator_alert", operator.email) in stored()
    assert all(kind == "operator_alert" for kind, _ in stored())


def test_authorities_get_only_what_is_for_them(cast: Cast) -> None:
    from tests.integration.mail.conftest import mail_settings

    with override_settings(MAIL=mail_settings(None)):
        assert queue(DeliveryTest(NOON), AUTHORITY).outcome is QueueOutcome.QUEUED
        assert queue(RESET, AUTHORITY).outcome is QueueOutcome.REFUSED
    assert queue(DeliveryTest(NOON), AUTHORITY).outcome is QueueOutcome.REFUSED


def test_invited_person_gets_an_invitation_only(cast: Cast) -> None:
    assert queue(INVITATION, "dora@example.com").outcome is QueueOutcome.REFUSED
    with override_settings(MAIL_INVITATION_CHECK=f"{__name__}._invited"):
        assert queue(INVITATION, "dora@example.com").outcome is QueueOutcome.QUEUED
        assert queue(RESET, "dora@example.com").outcome is QueueOutcome.REFUSED
        assert queue(INVITATION, "eve@example.com").outcome is QueueOutcome.REFUSED


def test_one_event_queues_one_message(cast: Cast) -> None:
    first = queue(NOTICE, cast.alice.email, "password:1")
    again = queue(NOTICE, cast.alice.email, "password:1")
    assert (first.outcome, again.outcome) == (QueueOutcome.QUEUED, QueueOutcome.ALREADY_QUEUED)
    assert len(stored()) == 1


def test_mail_of_a_transaction_that_failed_is_not_queued(cast: Cast) -> None:
    class FailedError(Exception):
        pass

    with pytest.raises(FailedError), transaction.atomic(using="auth"):
        assert queue(RESET, cast.alice.email).outcome is QueueOutcome.QUEUED
        raise FailedError
    assert stored() == []


def test_without_a_mail_server_nothing_is_stored(cast: Cast) -> None:
    with override_settings(MAIL=MailSettings(MailMode.OFF)):
        assert queue(RESET, cast.alice.email).outcome is QueueOutcome.MAIL_OFF
    assert stored() == []


def test_refused_address_gets_no_mail_until_it_is_allowed(cast: Cast) -> None:
    with as_role("worker"):
        refuse_address(
            address=cast.bob.email, reason="no such user", actor="operator:olga", at=NOON
        )
    assert queue(NOTICE, cast.bob.email).reason is RefusalReason.ADDRESS_REFUSED
    with as_role("worker"):
        assert allow_address(address=cast.bob.email, actor="operator:olga", at=NOON)
        assert not allow_address(address=cast.bob.email, actor="operator:olga", at=NOON)
    assert queue(NOTICE, cast.bob.email).outcome is QueueOutcome.QUEUED


def test_a_link_is_stored_sealed_and_bound_to_its_message(cast: Cast) -> None:
    from theseller.crypto.errors import CannotOpenError
    from theseller.mail.context_sealing import opened_context

    queue(RESET, cast.alice.email)
    queue(RESET, cast.bob.email)
    rows = sql_execution.rows(
        connections["worker"], "select id, context, sealed from mail_message order by id"
    )
    assert [row[1] for row in rows] == [None, None]
    assert b"canary-of-the-link" not in bytes(rows[0][2])
    assert "canary-of-the-link" in opened_context(rows[0][0], bytes(rows[0][2]))
    with pytest.raises(CannotOpenError):
        opened_context(rows[1][0], bytes(rows[0][2]))


def test_pages_of_a_shop_learn_nothing_of_accounts_or_mail(cast: Cast) -> None:
    """The role of pages can neither read mail nor ask who has an account."""
    for statement in (
        "select * from mail_message",
        "select * from mail_inbox",
        "select * from mail_refused_address",
        "select * from guard.mail_recipient('alice@example.com')",
        "select * from guard.operator_addresses()",
    ):
        with pytest.raises(DatabaseError) as caught, transaction.atomic(using="default"):
            sql_execution.rows(connections["default"], statement)
        assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_the_ids_of_messages_are_returned(cast: Cast) -> None:
    assert isinstance(queue(NOTICE, cast.alice.email).id, UUID)
