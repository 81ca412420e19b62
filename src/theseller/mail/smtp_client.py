"""Transfer one message to the mail server and return the receipt.

TLS 1.2 or newer, with the server's certificate and name checked. Without TLS nothing is sent,
unless the settings say so, which they may for this machine in a demo or a test only.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from theseller.lib.secret_type import Secret
from theseller.mail.rendering import one_line
from theseller.mail.types import AttemptOutcome, AttemptResult, MailServer, TlsMode

#: How long one answer is waited for, and the whole conversation, in seconds. A server that sends
#: a byte now and then is cut off by the second.
ANSWER_SECONDS, CONVERSATION_SECONDS = 30.0, 180.0
_REPLY_MAX = 400
#: Enhanced status codes about the address or its mailbox (RFC 3463 §3.2, §3.3).
_ABOUT_THE_ADDRESS = re.compile(r"5\.[12]\.\d{1,3}\b")
_ANY_ENHANCED = re.compile(r"\d\.\d{1,3}\.\d{1,3}\b")
#: Without an enhanced code: mailbox unavailable, user not local, name not allowed (RFC 5321
#: §4.2.3).
_CODES_ABOUT_THE_ADDRESS = frozenset({550, 551, 553})

#: What an error of the connection means.
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "the server did not answer in time"),
    (smtplib.SMTPServerDisconnected, "the server closed the connection"),
    (socket.gaierror, "the name of the server is not known"),
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipient of the SMTP envelope, and the message as bytes."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)


def send_message(
    server: MailServer,
    envelope: Envelope,
    *,
    password: Secret | None,
    helo: str,
    before_data: Callable[[], None] = lambda: None,
    answer_seconds: float = ANSWER_SECONDS,
    conversation_seconds: float = CONVERSATION_SECONDS,
) -> AttemptResult:
    """Try once to transfer `envelope` to `server`; return the receipt.

    What the server does is never raised.

    Args:
        server: where to connect.
        envelope: what to send.
        password: for a server with a user.
        helo: how this machine names itself.
        before_data: is called when the server has accepted the recipient, before the first byte
            of the message: from then on the server may have the message.
        answer_seconds: how long one answer is waited for.
        conversation_seconds: how long the whole conversation may take.
    """
    try:
        context = None if server.tls is TlsMode.NONE else tls_context(server)
    except OSError as error:
        return _unreachable(f"the file of trusted authorities can't be used: {_name(error)}")
    client = _Client(server, context, helo, answer_seconds)
    with contextlib.closing(client), _deadline(client, conversation_seconds):
        try:
            _connect(client, server, context)
            _sign_in(client, server, password)
            _announce(client, envelope)
            before_data()
            return _transfer(client, envelope.content)
        except _AttemptEndedError as ended:
            return ended.result


class _AttemptEndedError(Exception):
    """The attempt ended before the message was accepted; carries the receipt."""

    def __init__(self, result: AttemptResult) -> None:
        super().__init__(result.outcome.value)
        self.result = result


def tls_context(server: MailServer) -> ssl.SSLContext:
    """Return the TLS settings: 1.2 or newer, certificate and name checked.

    Raises:
        OSError: the file of authorities can't be read or holds none.
    """
    context = ssl.create_default_context(cafile=server.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Client(smtplib.SMTP):
    """A client that connects later and can be cut off by another thread."""

    def __init__(
        self, server: MailServer, context: ssl.SSLContext | None, helo: str, seconds: float
    ) -> None:
        # Without a host nothing is connected yet.
        super().__init__(local_hostname=helo, timeout=seconds)
        self._host = server.host  # the name that STARTTLS checks
        self._server, self._context = server, context
        self.cut: socket.socket | None = None
        self.cut_off = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        # A second handle on the same connection: TLS takes over the first.
        self.cut = plain.dup()
        if self._server.tls is TlsMode.IMPLICIT and self._context is not None:
            return self._context.wrap_socket(plain, server_hostname=host)
        return plain

    def open(self) -> tuple[int, bytes]:
        """Connect and return the greeting."""
        return self.connect(self._server.host, self._server.port)

    def cut_connection(self) -> None:
        """End the conversation from another thread."""
        self.cut_off = True
        if self.cut is not None:
            with contextlib.suppress(OSError):
                self.cut.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close both handles."""
        super().close()
        if self.cut is not None:
            self.cut.close()
            self.cut = None


@contextlib.contextmanager
def _deadline(client: _Client, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, client.cut_connection)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _connect(client: _Client, server: MailServer, context: ssl.SSLContext | None) -> None:
    """Connect and encrypt. Raises _AttemptEndedError."""
    with _conversation(client):
        _require(*client.open(), wanted=220)
        client.ehlo_or_helo_if_needed()
        if server.tls is not TlsMode.STARTTLS:
            return
        if not client.has_extn("starttls"):
            raise _AttemptEndedError(
                _unreachable("the server offers no STARTTLS: nothing was sent")
            )
        _require(*client.starttls(context=context), wanted=220)
        client.ehlo_or_helo_if_needed()


def _sign_in(client: _Client, server: MailServer, password: Secret | None) -> None:
    """Sign in if the settings name a user. Raises _AttemptEndedError."""
    if not server.user:
        return
    if password is None:
        raise _AttemptEndedError(
            _unreachable("there is no secret smtp-password: theseller secrets put smtp-password")
        )
    with _conversation(client):
        try:
            client.login(server.user, password.reveal())
        except smtplib.SMTPAuthenticationError as error:
            # The reply is not repeated: some servers quote what they were given.
            raise _AttemptEndedError(
                AttemptResult(
                    AttemptOutcome.DEFERRED,
                    _code(error.smtp_code),
                    "the server refused user or password",
                )
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise _AttemptEndedError(
                _unreachable("the server offers no way to sign in: nothing was sent")
            ) from None


def _announce(client: _Client, envelope: Envelope) -> None:
    """Tell the server sender and recipient. Raises _AttemptEndedError."""
    with _conversation(client):
        _require(*client.mail(envelope.sender), wanted=250)
        code, text = client.rcpt(envelope.recipient)
    if code >= 500:
        raise _AttemptEndedError(
            _result(AttemptOutcome.REJECTED, code, text, address_refused=_about_address(code, text))
        )
    if code not in {250, 251}:
        raise _AttemptEndedError(_result(AttemptOutcome.DEFERRED, code, text))


def _transfer(client: _Client, content: bytes) -> AttemptResult:
    """Send the message; return the server's answer, or that none came."""
    try:
        code, text = client.data(content)
    except smtplib.SMTPDataError as error:
        code, text = error.smtp_code, _bytes(error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        why = f"no answer after the message: {_why(client, error)}"
        return AttemptResult(AttemptOutcome.UNKNOWN, None, why[:_REPLY_MAX])
    if 200 <= code < 300:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
        return _result(AttemptOutcome.ACCEPTED, code, text)
    return _result(AttemptOutcome.DEFERRED if code < 500 else AttemptOutcome.REJECTED, code, text)


@contextlib.contextmanager
def _conversation(client: _Client) -> Iterator[None]:
    """Turn a failure before the message into a receipt."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _AttemptEndedError(
            _result(AttemptOutcome.DEFERRED, error.smtp_code, error.smtp_error)
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise _AttemptEndedError(_unreachable(_why(client, error))) from None


def _require(code: int, text: bytes, *, wanted: int) -> None:
    if code != wanted:
        raise _AttemptEndedError(_result(AttemptOutcome.DEFERRED, code, text))


def _about_address(code: int, text: bytes) -> bool:
    """Say whether a refusal is about the address, not about us or the message."""
    reply = text.decode("ascii", "replace")
    if _ANY_ENHANCED.match(reply):
        return _ABOUT_THE_ADDRESS.match(reply) is not None
    return code in _CODES_ABOUT_THE_ADDRESS


def _result(
    outcome: AttemptOutcome, code: int, text: bytes | str, *, address_refused: bool = False
) -> AttemptResult:
    reply = one_line(_bytes(text).decode("utf-8", "replace"))[:_REPLY_MAX]
    return AttemptResult(outcome, _code(code), reply, address_refused)


def _unreachable(why: str) -> AttemptResult:
    return AttemptResult(AttemptOutcome.UNREACHABLE, None, why[:_REPLY_MAX])


def _why(client: _Client, error: Exception) -> str:
    """Return what happened to the connection."""
    if client.cut_off:
        return "the conversation took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {one_line(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection: {one_line(error.reason or _name(error))}"
    known = next((why for kind, why in _CAUSES if isinstance(error, kind)), None)
    return known or f"no connection: {_name(error)}"


def _name(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return one_line(str(strerror)) if strerror else type(error).__name__


def _code(code: int) -> int | None:
    return code if 200 <= code <= 599 else None


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
