"""The operators' page of mail that was not delivered, and sending again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from django.db.utils import ProgrammingError
from django.test import Client, override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.integration.mail.conftest import mail_settings
from tests.operators import create_operator, operator_client
from tests.smtp_server import RunningServer, smtp_server

from theseller.lib import clock, sql_execution
from theseller.lib.ids import new_id
from theseller.mail.delivery import deliver_due
from theseller.mail.mail_kinds import MailContext, OperatorAlert, PasswordReset, SecurityNotice
from theseller.mail.operations import allow_address, queue_mail, refuse_address
from theseller.mail.queries import undelivered_counts, undelivered_mail
from theseller.mail.types import MessageState

_PAGE = "/operate/mail/"
_TOKEN = "canary-of-the-link-" + "x" * 24
_LINK = f"http://testserver/new-password/{_TOKEN}/"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail")


@pytest.fixture
def server(certificates: Path, _with_database: None) -> Iterator[RunningServer]:
    """Run a mail server, with an empty outbox; the URLs are those of a demo."""
    with connections["worker"].cursor() as cursor:
        cursor.execute("delete from mail_message")
        cursor.execute("delete from mail_refused_address")
    with (
        smtp_server(certificates) as running,
        override_settings(MAIL=mail_settings(running.settings())),
    ):
        yield running


def _queue(context: MailContext, recipient: str) -> UUID:
    queued = queue_mail(
        context, recipient=recipient, idempotency_key=f"test:{new_id()}", at=clock.now()
    )
    assert queued.id is not None
    return queued.id


def _notice() -> SecurityNotice:
    return SecurityNotice("password_changed", clock.now())


def _reset() -> PasswordReset:
    return PasswordReset(_LINK, clock.now() + timedelta(hours=1))


def _deliver(later: timedelta = timedelta()) -> int:
    with as_role("worker"):
        return deliver_due(now=lambda: clock.now() + later)


def _fail(context: MailContext, recipient: str, server: RunningServer, reply: str) -> UUID:
    message = _queue(context, recipient)
    server.behavior.rcpt = reply
    _deliver()
    server.behavior.rcpt = ""
    return message


def _again(client: Client, message: UUID) -> str:
    answer = client.post(f"{_PAGE}{message}/again/", follow=True)
    assert answer.redirect_chain == [(_PAGE, 302)]
    return answer.content.decode()


def _state(message: UUID) -> MessageState:
    (row,) = sql_execution.rows(
        connections["worker"], "select state from mail_message where id = %s", [message]
    )
    return MessageState(row[0])


def _audited(database: str, message: UUID) -> list[tuple[str, str]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(
            "select tag, actor from audit_event where subject = %s", [f"mail:{message}"]
        ).fetchall()


def test_the_page_says_that_nothing_failed(server: RunningServer) -> None:
    page = operator_client(create_operator()).get(_PAGE).content.decode()
    assert "No undelivered mail" in page
    assert "None in 24 hours" in page


def test_a_failed_notice_is_listed_and_sent_again(
    cast: Cast, server: RunningServer, database: str
) -> None:
    operator = create_operator()
    client = operator_client(operator)
    notice = _fail(_notice(), cast.alice.email, server, "550 5.7.1 not from you")
    assert "1 not delivered in 24 hours" in client.get("/operate/").content.decode()
    page = client.get(_PAGE).content.decode()
    assert "Security notice" in page
    assert "550 5.7.1 not from you" in page
    assert "Send again" in page
    assert "The worker sends it within seconds." in _again(client, notice)
    assert _state(notice) is MessageState.QUEUED
    assert _audited(database, notice) == [("mail:message:retried", f"operator:{operator.id}")]
    assert _deliver() == 1
    (message,) = server.messages()
    assert message["Subject"] == "Your password was changed"
    assert message["Message-ID"] == f"<{notice}@acme.example>"
    assert "No undelivered mail" in client.get(_PAGE).content.decode()
    # No second copy of what was accepted.
    assert "can&#x27;t be sent again" in _again(client, notice)
    assert (_deliver(), len(server.received)) == (0, 1)
    assert len(_audited(database, notice)) == 1


def test_a_message_that_fails_again_can_be_sent_again(cast: Cast, server: RunningServer) -> None:
    client = operator_client(create_operator())
    alert = OperatorAlert("A control failed", "pii-strip", "http://testserver/", clock.now())
    message = _fail(alert, create_operator().email, server, "554 5.7.1 no")
    for _ in range(2):
        _again(client, message)
        server.behavior.rcpt = "554 5.7.1 no"
        assert _deliver() == 0
        server.behavior.rcpt = ""
        assert _state(message) is MessageState.FAILED
    _again(client, message)
    assert _deliver() == 1


def test_a_one_time_link_is_never_sent_again(
    cast: Cast, server: RunningServer, database: str
) -> None:
    client = operator_client(create_operator())
    failed = _fail(_reset(), cast.alice.email, server, "550 5.7.1 not from you")
    late = _queue(_reset(), cast.bob.email)
    assert _deliver(timedelta(hours=2)) == 0
    page = client.get(_PAGE).content.decode()
    assert "The person can request a new link" in page
    assert "Send again" not in page
    for message in (failed, late):
        assert "can&#x27;t be sent again" in _again(client, message)
        assert _state(message) is MessageState.FAILED
        assert _audited(database, message) == []
    assert (
        sql_execution.rows(
            connections["worker"], "select context, sealed, data_key_id from mail_message"
        )
        == [(None, None, None)] * 2
    )
    assert _deliver() == 0
    assert server.received == []


def test_a_waiting_message_is_tried_now_unless_its_time_is_over(
    cast: Cast, server: RunningServer
) -> None:
    client = operator_client(create_operator())
    message = _fail(_reset(), cast.alice.email, server, "450 4.2.1 greylisted")
    page = client.get(_PAGE).content.decode()
    assert "1 being retried" in page
    assert "Try now" in page
    assert _deliver() == 0
    with connections["worker"].cursor() as cursor:
        cursor.execute("select guard.send_mail_again(%s, %s)", [message, clock.now()])
        assert cursor.fetchone() == (True,)
        over = clock.now() + timedelta(hours=1, minutes=1)
        cursor.execute("select guard.send_mail_again(%s, %s)", [message, over])
        assert cursor.fetchone() == (False,)
    assert _deliver() == 1


def test_nothing_of_an_address_link_or_text_is_shown(cast: Cast, server: RunningServer) -> None:
    client = operator_client(create_operator())
    local = cast.alice.email.partition("@")[0]
    said = (
        f"<{cast.alice.email.upper()}>: {local} is unknown, see {_LINK} or {_TOKEN}; b@other.test"
    )
    _fail(_reset(), cast.alice.email, server, f"550 5.1.1 {said}")
    bounce = f"ZOE does not exist: {_LINK}, {_TOKEN}"
    with as_role("worker"):
        refuse_address(address="zoe@example.com", reason=bounce, actor="operator:o", at=clock.now())
    page = client.get(_PAGE).content.decode()
    shown = page.partition("<main")[2]
    assert "a…@example.com" in shown
    assert "z…@example.com" in shown
    assert "5.1.1 &lt;…@EXAMPLE.COM" in shown
    for hidden in (
        cast.alice.email,
        cast.alice.email.upper(),
        local,
        _LINK,
        _TOKEN,
        "ZOE",
        "b@other",
    ):
        assert hidden not in shown, hidden
    # The stored reply does not have the link either.
    (row,) = sql_execution.rows(connections["worker"], "select reply from mail_attempt")
    assert cast.alice.email.upper() in row[0]
    assert "canary" not in row[0]


def test_the_role_of_the_pages_reads_no_address_and_no_text(server: RunningServer) -> None:
    for statement in (
        "select recipient from mail_message",
        "select context from mail_message",
        "select reply from mail_attempt",
        "select address from mail_refused_address",
        "select context from mail_unsent_text",
        "update mail_message set state = 'queued'",
    ):
        for role in ("operator", "auth", "default"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                sql_execution.execute(connections[role], statement)


def test_a_refused_address_gets_it_after_it_is_allowed(cast: Cast, server: RunningServer) -> None:
    client = operator_client(create_operator())
    notice = _fail(_notice(), cast.alice.email, server, "550 5.1.1 no such user")
    page = client.get(_PAGE).content.decode()
    assert "theseller mail allow" in page
    assert "Send again" not in page
    assert "can&#x27;t be sent again" in _again(client, notice)
    with as_role("worker"):
        allow_address(address=cast.alice.email, actor="operator:o", at=clock.now())
    assert "Send again" in client.get(_PAGE).content.decode()
    _again(client, notice)
    assert _deliver() == 1


def test_sending_again_needs_a_proof_of_the_last_minutes(cast: Cast, server: RunningServer) -> None:
    notice = _fail(_notice(), cast.alice.email, server, "550 5.7.1 not from you")
    client = operator_client(create_operator(), at=clock.now() - timedelta(minutes=6))
    assert client.get(_PAGE).status_code == 200
    answer = client.post(
        f"{_PAGE}{notice}/again/", headers={"referer": f"http://testserver{_PAGE}"}
    )
    assert answer["Location"].startswith("/account/second-factor/?next=%2Foperate%2Fmail%2F")
    assert _state(notice) is MessageState.FAILED


def test_counts_are_of_a_day_and_by_kind(cast: Cast, server: RunningServer) -> None:
    _fail(_notice(), cast.alice.email, server, "550 5.7.1 not from you")
    _fail(_notice(), cast.bob.email, server, "450 4.2.1 greylisted")
    now = clock.now()
    counts = undelivered_counts(at=now, using="operator")
    assert counts.numbers == {
        ("security_notice", "failed"): 1, ("security_notice", "retrying"): 1
    }  # fmt: skip
    assert (counts.ended, counts.retrying, counts.to_accounts) == (1, 1, 1)
    later = undelivered_counts(at=now + timedelta(hours=25), using="operator")
    assert later.numbers == {("security_notice", "retrying"): 1}
    assert timedelta(hours=25).total_seconds() <= later.retrying_seconds < 25.1 * 3600
    assert len(undelivered_mail(using="operator")) == 2
    assert len(undelivered_mail(using="operator", limit=1)) == 1
