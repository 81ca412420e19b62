"""The SMTP client against real servers over sockets: TLS, sign-in, refusals, hangs and cuts."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.smtp_server import PASSWORD, USER, RunningServer, smtp_server

from theseller.lib.secret_type import Secret
from theseller.mail.smtp_client import Envelope, send_message
from theseller.mail.types import AttemptOutcome, AttemptResult, MailServer, TlsMode

_ENVELOPE = Envelope(
    "theseller@example.com", "alice@example.com", b"Subject: test\r\n\r\n.leading dot\r\n"
)


def _send(
    server: MailServer, password: str | None = None, seconds: float = 30
) -> tuple[AttemptResult, bool]:
    """Return the receipt, and whether the message was begun."""
    begun: list[bool] = []
    result = send_message(
        server,
        _ENVELOPE,
        password=None if password is None else Secret(password),
        helo="app.example.com",
        before_data=lambda: begun.append(True),
        answer_seconds=30,
        conversation_seconds=seconds,
    )
    return result, bool(begun)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smtp")


@pytest.fixture
def server(folder: Path) -> Iterator[RunningServer]:
    with smtp_server(folder) as running:
        yield running


@pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.IMPLICIT, TlsMode.NONE])
def test_message_is_delivered_unchanged(folder: Path, tls: TlsMode) -> None:
    with smtp_server(folder, tls) as running:
        result, begun = _send(running.settings())
    assert begun
    assert result == AttemptResult(AttemptOutcome.ACCEPTED, 250, "2.0.0 queued as 4711")
    assert running.received == [
        (_ENVELOPE.sender, _ENVELOPE.recipient, b"Subject: test\r\n\r\n.leading dot\r\n")
    ]


def test_user_signs_in_after_encryption_only(server: RunningServer) -> None:
    result, _ = _send(server.settings(user=USER), PASSWORD)
    assert (result.outcome, server.users) == (AttemptOutcome.ACCEPTED, [USER])


def test_wrong_or_missing_password_sends_nothing_and_is_not_repeated(server: RunningServer) -> None:
    result, begun = _send(server.settings(user=USER), "wrong-password-canary")
    assert (result.outcome, result.code, begun) == (AttemptOutcome.DEFERRED, 535, False)
    assert result.reply == "the server refused user or password"
    result, begun = _send(server.settings(user=USER))
    assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)
    assert "smtp-password" in result.reply
    assert server.received == []


def test_no_starttls_means_no_mail(folder: Path) -> None:
    with smtp_server(folder, offer_starttls=False) as running:
        result, begun = _send(running.settings(user=USER), PASSWORD)
    assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)
    assert "no STARTTLS" in result.reply
    assert (running.received, running.users) == ([], [])


@pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
def test_certificate_of_another_authority_or_name_is_refused(folder: Path, tls: TlsMode) -> None:
    with (
        smtp_server(folder, tls) as running,
        smtp_server(folder, tls, host="other.example") as other,
    ):
        # The other server's certificate is valid for its own name only.
        wrong_name = MailServer("localhost", other.port, tls, "", str(other.certificate))
        wrong_authority = MailServer("localhost", running.port, tls, "", str(other.certificate))
        system = MailServer("localhost", running.port, tls)
        for settings in (wrong_name, wrong_authority, system):
            result, begun = _send(settings)
            assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)
            assert "certificate is not accepted" in result.reply
        assert (running.received, other.received) == ([], [])


def test_tls_older_than_1_2_is_refused(folder: Path) -> None:
    with smtp_server(
        folder, TlsMode.IMPLICIT, oldest=ssl.TLSVersion.TLSv1, newest=ssl.TLSVersion.TLSv1_1
    ) as running:
        # The server does speak 1.1: a client that allows it gets in.
        old = ssl.create_default_context(cafile=str(running.certificate))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = ssl.TLSVersion.TLSv1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection(("localhost", running.port), 30) as plain,
            old.wrap_socket(plain, server_hostname="localhost") as wrapped,
        ):
            assert wrapped.version() == "TLSv1.1"
        result, begun = _send(running.settings())
    assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)
    assert "TLS" in result.reply


@pytest.mark.parametrize(
    ("reply", "outcome", "address_refused"),
    [
        ("550 5.1.1 no such user", AttemptOutcome.REJECTED, True),
        ("550 no such user", AttemptOutcome.REJECTED, True),
        ("552 5.2.2 mailbox full", AttemptOutcome.REJECTED, True),
        ("550 5.7.1 not from you", AttemptOutcome.REJECTED, False),
        ("554 relay access denied", AttemptOutcome.REJECTED, False),
        ("450 4.2.1 greylisted", AttemptOutcome.DEFERRED, False),
    ],
)
def test_refused_recipients(
    server: RunningServer, reply: str, outcome: AttemptOutcome, *, address_refused: bool
) -> None:
    server.behavior.rcpt = reply
    result, begun = _send(server.settings())
    assert not begun
    assert (result.outcome, result.address_refused) == (outcome, address_refused)
    assert f"{result.code} {result.reply}" == reply


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("554 5.6.0 content rejected", AttemptOutcome.REJECTED),
        ("451 4.3.0 try again", AttemptOutcome.DEFERRED),
    ],
)
def test_refused_messages_say_nothing_about_the_address(
    server: RunningServer, reply: str, outcome: AttemptOutcome
) -> None:
    server.behavior.content = reply
    result, begun = _send(server.settings())
    assert begun
    assert (result.outcome, result.address_refused) == (outcome, False)
    assert f"{result.code} {result.reply}" == reply


def test_reply_with_control_characters_is_one_short_line(server: RunningServer) -> None:
    server.behavior.rcpt = "550 5.1.1 \x1b[31mred\x07 " + "x" * 600
    result, _ = _send(server.settings())
    assert result.reply.isprintable()
    assert len(result.reply) == 400


def test_server_that_hangs_before_the_message_is_cut_off(server: RunningServer) -> None:
    server.behavior.hang_at = "rcpt"
    result, begun = _send(server.settings(), seconds=1)
    assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)
    assert result.reply == "the conversation took too long"


@pytest.mark.parametrize("how", ["hang_at", "cut_at"])
def test_no_answer_after_the_message_is_unknown(server: RunningServer, how: str) -> None:
    setattr(server.behavior, how, "data")
    result, begun = _send(server.settings(), seconds=1.5 if how == "hang_at" else 30)
    assert begun
    assert result.outcome is AttemptOutcome.UNKNOWN
    assert "no answer after the message" in result.reply
    # The server has it: no other outcome would be true.
    assert len(server.received) == 1


def test_connection_cut_before_the_message_sends_nothing(server: RunningServer) -> None:
    server.behavior.cut_at = "rcpt"
    result, begun = _send(server.settings())
    assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)


def test_server_that_sends_a_byte_now_and_then_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()
        thread = threading.Thread(target=_trickle, args=(listening, stop), daemon=True)
        thread.start()
        settings = MailServer("127.0.0.1", listening.getsockname()[1], TlsMode.NONE)
        result, begun = _send(settings, seconds=1)
        stop.set()
        thread.join(10)
    assert (result.outcome, begun) == (AttemptOutcome.UNREACHABLE, False)
    assert result.reply == "the conversation took too long"


def _trickle(listening: socket.socket, stop: threading.Event) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"220-")
        while not stop.wait(0.1):
            try:
                connection.sendall(b"x")
            except OSError:
                return


def test_nothing_listens_and_unknown_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    result, _ = _send(MailServer("127.0.0.1", port, TlsMode.STARTTLS))
    assert (result.outcome, result.reply) == (
        AttemptOutcome.UNREACHABLE,
        "no connection: Connection refused",
    )
    result, _ = _send(MailServer("127.0.0.1", port, TlsMode.STARTTLS, "", "/no/such/file.pem"))
    assert result.reply.startswith("the file of trusted authorities can't be used")


def test_greeting_that_refuses_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_refuse, args=(listening,), daemon=True)
        thread.start()
        result, _ = _send(MailServer("127.0.0.1", listening.getsockname()[1], TlsMode.NONE))
        thread.join(10)
    assert (result.outcome, result.code) == (AttemptOutcome.DEFERRED, 421)


def _refuse(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"421 4.3.2 shutting down\r\n")


def test_the_envelope_shows_no_message() -> None:
    assert "leading dot" not in repr(_ENVELOPE)
