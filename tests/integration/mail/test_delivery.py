"""Delivery to a real SMTP server: receipts, pauses, refusals, and what leaves the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.integration.mail.conftest import mail_settings
from tests.integration.mail.test_queue import INVITATION, NOTICE, RESET, queue
from tests.smtp_server import RunningServer

from theseller.crypto.errors import KeyDestroyedError
from theseller.lib import sql_execution
from theseller.mail.context_sealing import KEY_DAYS
from theseller.mail.delivery import deliver_due
from theseller.mail.mail_kinds import Invitation, MailContext
from theseller.mail.operations import send_again
from theseller.mail.queries import outbox, refused_addresses
from theseller.mail.retention import MAIL_DAYS, delete_old
from theseller.mail.types import MailServer, MessageState, OutboxEntry, TlsMode


def deliver(at: datetime = NOON) -> int:
    with as_role("worker"):
        return deliver_due(now=lambda: at)


def entries() -> tuple[OutboxEntry, ...]:
    with as_role("worker"):
        return outbox()


def the_entry() -> OutboxEntry:
    (found,) = entries()
    return found


def attempts() -> list[tuple[int, str]]:
    return [
        (row[0], row[1])
        for row in sql_execution.rows(
            connections["worker"], "select number, outcome from mail_attempt order by number"
        )
    ]


def parts(message: EmailMessage) -> tuple[str, str]:
    """Return text and HTML."""
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content()), str(html.get_content())


def test_message_arrives_as_text_and_html_with_a_receipt(cast: Cast, server: RunningServer) -> None:
    queued = queue(RESET, cast.alice.email)
    assert deliver() == 1
    ((sender, recipient, content),) = server.received
    assert (sender, recipient) == ("analytics@acme.example", cast.alice.email)
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    (message,) = server.messages()
    assert message["From"] == "Acme Analytics <analytics@acme.example>"
    assert message["To"] == cast.alice.email
    assert message["Subject"] == "Choose a new password"
    assert message["Message-ID"] == f"<{queued.id}@acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == NOON
    for part in parts(message):
        assert RESET.link in part
        assert "Nov 20, 2026, 13:00 UTC" in part
    entry = the_entry()
    assert (entry.state, entry.code, entry.reply) == (
        MessageState.SENT, 250, "2.0.0 queued as 4711",
    )  # fmt: skip
    # The link is deleted with the delivery.
    assert sql_execution.rows(
        connections["worker"], "select context, sealed, data_key_id from mail_message"
    ) == [(None, None, None)]
    assert deliver() == 0
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "shop",
    [
        "Shop\r\nBcc: eve@example.com",
        "Shop\nBcc: eve@example.com\n\nbody",
        "Shop\x0b\x0c\x1c\x85\u2028Bcc: eve@example.com",
        "=?utf-8?q?Shop=0ABcc:_eve=40example.com?=",
    ],
)
def test_no_value_adds_a_header_or_a_recipient(
    cast: Cast, server: RunningServer, shop: str
) -> None:
    context = Invitation(INVITATION.link, INVITATION.expires_at, shop, "Alice\r\nX-Evil: 1")
    queue(context, cast.bob.email)
    assert deliver() == 1
    (message,) = server.messages()
    assert sorted(message.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
         "Content-Type"]
    )  # fmt: skip
    assert "Bcc" not in message
    assert [recipient for _, recipient, _ in server.received] == [cast.bob.email]


def test_html_shows_values_as_text(cast: Cast, server: RunningServer) -> None:
    context = Invitation(
        INVITATION.link, INVITATION.expires_at, "<img src=//evil.example>", "<script>1</script>"
    )
    queue(context, cast.bob.email)
    deliver()
    text, html = parts(server.messages()[0])
    assert "<img src=//evil.example>" in text
    assert "<img" not in html
    assert "<script" not in html
    # Nothing is fetched when the message is opened.
    assert "src=" not in html.replace("src=//evil", "")
    assert "@import" not in html


def test_an_unreachable_server_is_tried_again_with_growing_pauses(cast: Cast) -> None:
    nowhere = MailServer("127.0.0.1", 1, TlsMode.STARTTLS)
    with override_settings(MAIL=mail_settings(nowhere)):
        queue(INVITATION, cast.alice.email)
        at, pauses = NOON, []
        while (entry := the_entry()).state is MessageState.QUEUED:
            pauses.append(entry.next_attempt_at - at)
            at = entry.next_attempt_at
            assert deliver(at - timedelta(seconds=1)) == 0
            assert the_entry().attempts == entry.attempts
            deliver(at)
            assert len(pauses) < 30
    assert pauses[:4] == [timedelta(0), *(timedelta(minutes=one) for one in (1, 2, 4))]
    assert max(pauses) == timedelta(hours=6)
    assert (entry.state, entry.reason) == (
        MessageState.FAILED, "unreachable: no connection: Connection refused",
    )  # fmt: skip
    assert timedelta(hours=42) < at - NOON <= timedelta(hours=48)


def test_messages_dated_by_a_clock_that_was_ahead_are_sent_now(
    cast: Cast, server: RunningServer
) -> None:
    ahead = NOON + timedelta(hours=3)
    queue(NOTICE, cast.alice.email)
    server.behavior.rcpt = "450 4.2.1 greylisted"
    deliver(ahead)
    server.behavior.rcpt = ""
    assert the_entry().next_attempt_at > ahead
    assert deliver(NOON) == 1
    assert the_entry().state is MessageState.SENT


def test_a_reset_is_not_sent_when_its_link_has_expired(cast: Cast, server: RunningServer) -> None:
    queue(RESET, cast.alice.email)
    assert deliver(NOON + timedelta(hours=1, seconds=1)) == 0
    assert (the_entry().state, server.received) == (MessageState.FAILED, [])


def test_an_unreachable_server_ends_the_run(cast: Cast) -> None:
    with override_settings(MAIL=mail_settings(MailServer("127.0.0.1", 1, TlsMode.STARTTLS))):
        queue(NOTICE, cast.alice.email)
        queue(NOTICE, cast.bob.email)
        deliver()
    assert sorted(one.attempts for one in entries()) == [0, 1]


def test_operator_can_try_a_queued_message_at_once(cast: Cast, server: RunningServer) -> None:
    queued = queue(NOTICE, cast.alice.email)
    assert queued.id is not None
    server.behavior.rcpt = "450 4.2.1 greylisted"
    deliver()
    server.behavior.rcpt = ""
    soon = NOON + timedelta(seconds=5)
    assert deliver(soon) == 0
    with as_role("worker"):
        assert send_again(message=queued.id, actor="operator:olga", at=soon)
    assert deliver(soon) == 1
    with as_role("worker"):
        assert not send_again(message=queued.id, actor="operator:olga", at=soon)
    assert attempts() == [(1, "deferred"), (2, "accepted")]


def test_a_refused_mailbox_stops_mail_to_the_address(cast: Cast, server: RunningServer) -> None:
    server.behavior.rcpt = "550 5.1.1 no such user"
    queue(NOTICE, cast.alice.email)
    queue(INVITATION, cast.alice.email)
    deliver()
    assert {one.state for one in entries()} == {MessageState.FAILED, MessageState.REFUSED}
    assert sorted(one.attempts for one in entries()) == [0, 1]
    with as_role("worker"):
        assert [(one.address, one.reason) for one in refused_addresses()] == [
            (cast.alice.email, "rejected: 550 5.1.1 no such user")
        ]
    assert queue(NOTICE, cast.alice.email).id is None


def test_a_refusal_of_our_server_does_not_refuse_the_address(
    cast: Cast, server: RunningServer
) -> None:
    server.behavior.rcpt = "550 5.7.1 not from you"
    queue(NOTICE, cast.alice.email)
    deliver()
    assert the_entry().state is MessageState.FAILED
    with as_role("worker"):
        assert refused_addresses() == ()


def test_who_left_before_the_attempt_gets_nothing(cast: Cast, server: RunningServer) -> None:
    queue(NOTICE, cast.bob.email)
    sql_execution.execute(
        connections["worker"],
        "update mail_message set state = 'queued' where recipient = %s",
        [cast.bob.email],
    )
    from theseller.tenancy.tenant_scope import tenant_scope

    with tenant_scope(cast.alices_shop, using="retention"):
        sql_execution.execute(
            connections["retention"],
            "delete from accounts_membership where tenant_id = %s and user_id = %s",
            [cast.alices_shop, cast.bob.id],
        )
    assert deliver() == 0
    assert (the_entry().state, server.received) == (MessageState.REFUSED, [])


def test_an_answer_that_never_came_is_unknown_and_the_same_message_is_sent_again(
    cast: Cast, server: RunningServer
) -> None:
    server.behavior.cut_at = "data"
    queue(INVITATION, cast.alice.email)
    assert deliver() == 0
    assert (the_entry().state, the_entry().unknown_attempts) == (MessageState.QUEUED, 1)
    server.behavior.cut_at = ""
    assert deliver(NOON + timedelta(minutes=1)) == 1
    first, second = (content for _, _, content in server.received)
    assert first == second
    assert (the_entry().state, the_entry().unknown_attempts) == (MessageState.SENT, 1)
    assert attempts() == [(1, "unknown"), (2, "accepted")]


def test_a_message_whose_fate_is_unknown_at_the_end_says_so(
    cast: Cast, server: RunningServer
) -> None:
    server.behavior.cut_at = "data"
    queue(RESET, cast.alice.email)
    at = NOON
    while the_entry().state is MessageState.QUEUED:
        deliver(at)
        at = the_entry().next_attempt_at
    assert the_entry().state is MessageState.UNKNOWN


def test_text_is_in_the_language_of_the_recipient(
    cast: Cast, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.utils import translation

    chosen: list[str] = []
    override: Callable[[str], translation.override] = translation.override

    def noting(language: str) -> translation.override:
        chosen.append(language)
        return override(language)

    monkeypatch.setattr(translation, "override", noting)
    from theseller.mail.operations import queue_mail

    queue_mail(
        NOTICE, recipient=cast.alice.email, idempotency_key="language", at=NOON, language="de"
    )
    assert deliver() == 1
    assert chosen == ["de", "de"]  # for marked texts when it is queued, and for the message
    assert '<html lang="de">' in parts(server.messages()[0])[1]


def test_one_process_delivers_at_a_time(cast: Cast, server: RunningServer) -> None:
    queue(NOTICE, cast.alice.email)
    with connections["probe"].cursor() as cursor:
        cursor.execute("select pg_advisory_lock(7105004)")
    try:
        assert deliver() == 0
        assert server.received == []
    finally:
        with connections["probe"].cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(7105004)")
    assert deliver() == 1


def test_mail_of_a_demo_stays_in_its_inbox(cast: Cast) -> None:
    with override_settings(MAIL=mail_settings(None)):
        queue(NOTICE, cast.alice.email)
        assert deliver() == 1
    assert the_entry().state is MessageState.SENT
    (row,) = sql_execution.rows(connections["auth"], "select content from mail_inbox")
    assert b"Your password was changed" in bytes(row[0])


def test_old_mail_and_keys_of_past_days_are_deleted(cast: Cast, server: RunningServer) -> None:
    queue(RESET, cast.alice.email)
    queue(NOTICE, cast.bob.email)
    (key,) = (
        row[0]
        for row in sql_execution.rows(
            connections["worker"],
            "select data_key_id from mail_message where data_key_id is not null",
        )
    )
    deliver()
    with as_role("worker"):
        assert delete_old(at=NOON + KEY_DAYS - timedelta(days=1)) == 0
        assert settings.KEY_STORE.get(key).id == key
        assert delete_old(at=NOON + KEY_DAYS) == 0
        with pytest.raises(KeyDestroyedError):
            settings.KEY_STORE.get(key)
        assert delete_old(at=NOON + MAIL_DAYS - timedelta(seconds=1)) == 0
        assert delete_old(at=NOON + MAIL_DAYS) == 2
    assert entries() == ()


_CONTEXTS: list[MailContext] = [RESET, INVITATION, NOTICE]


@pytest.mark.parametrize("context", _CONTEXTS, ids=lambda one: one.kind)
def test_no_name_address_or_link_is_logged(
    cast: Cast, server: RunningServer, context: MailContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="theseller")
    queue(context, cast.alice.email)
    deliver()
    own = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("theseller")
    )
    assert "mail_attempt_ended" in own
    for private in (cast.alice.email, "canary", "Alice"):
        assert private not in own
