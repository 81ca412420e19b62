"""Real SMTP servers for tests, with TLS, that accept, refuse, hang or cut the connection."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.tls_certificates import write_certificate

from theseller.mail.types import MailServer, TlsMode

USER, PASSWORD = "deployment@example.com", "a-password-of-the-mail-service"


@dataclass(slots=True)
class Behavior:
    """What the server does; tests change it while it runs.

    `rcpt` and `content` are replies in place of the usual ones. `hang_at` is the command
    that gets no answer, `cut_at` the one at which the connection ends.
    """

    rcpt: str = ""
    content: str = ""
    hang_at: str = ""
    cut_at: str = ""
    hold: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class RunningServer:
    """A server on this machine, with what it received."""

    port: int
    certificate: Path
    behavior: Behavior
    tls: TlsMode
    received: list[tuple[str, str, bytes]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    def settings(self, *, user: str = "") -> MailServer:
        """Return the settings that reach this server."""
        ca_file = "" if self.tls is TlsMode.NONE else str(self.certificate)
        return MailServer("localhost", self.port, self.tls, user, ca_file)

    def messages(self) -> list[EmailMessage]:
        """Return the received messages, parsed."""
        return [
            message_from_bytes(content, policy=policy.default) for _, _, content in self.received
        ]


# aiosmtpd calls the hooks by their names, with all of these arguments.
class _Handler:
    """The handler of aiosmtpd: its hooks are called by command."""

    def __init__(self, behavior: Behavior, running: list[RunningServer]) -> None:
        self._behavior, self._running = behavior, running

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        await self._at("rcpt", server)
        if self._behavior.rcpt:
            return self._behavior.rcpt
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 accepted"

    async def handle_DATA(  # noqa: N802
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        content = envelope.content or b""
        received = content if isinstance(content, bytes) else content.encode()
        if not self._behavior.content:
            self._running[0].received.append(
                (str(envelope.mail_from), envelope.rcpt_tos[0], received)
            )
        await self._at("data", server)
        return self._behavior.content or "250 2.0.0 queued as 4711"

    async def _at(self, command: str, server: SMTP) -> None:
        if self._behavior.hang_at == command:
            self._behavior.reached.set()
            await asyncio.to_thread(self._behavior.hold.wait)
        if self._behavior.cut_at == command:
            self._behavior.reached.set()
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
            raise asyncio.CancelledError


@contextlib.contextmanager
def smtp_server(
    folder: Path,
    tls: TlsMode = TlsMode.STARTTLS,
    *,
    host: str = "localhost",
    listen: str = "localhost",
    offer_starttls: bool = True,
    port: int = 0,
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
) -> Iterator[RunningServer]:
    """Run a server until the block ends.

    `host` is the name in its certificate, whose files are in `folder`; `listen` and `port` (0: any)
    are where it listens; `oldest` and `newest` are versions of TLS.
    """
    certificate, key = folder / f"{host}.pem", folder / f"{host}.key"
    if not certificate.exists():
        write_certificate(certificate, key, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions of TLS
        context.minimum_version, context.maximum_version = oldest, newest
    if oldest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    behavior = Behavior()
    running: list[RunningServer] = []
    loop = asyncio.new_event_loop()

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if not isinstance(data, LoginPassword) or data.password != PASSWORD.encode():
            return AuthResult(success=False, handled=False)
        running[0].users.append(data.login.decode())
        return AuthResult(success=True, handled=False)

    def protocol() -> SMTP:
        return SMTP(
            _Handler(behavior, running),
            hostname="mail.example.com",
            tls_context=context if tls is TlsMode.STARTTLS and offer_starttls else None,
            authenticator=authenticate,
            auth_require_tls=tls is TlsMode.STARTTLS,
            loop=loop,
        )

    async def start() -> asyncio.Server:
        return await loop.create_server(
            protocol, listen, port, ssl=context if tls is TlsMode.IMPLICIT else None,
            reuse_address=True,
        )  # fmt: skip

    listening = loop.run_until_complete(start())
    running.append(RunningServer(listening.sockets[0].getsockname()[1], certificate, behavior, tls))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield running[0]
    finally:
        behavior.hold.set()
        loop.call_soon_threadsafe(_stop, loop, listening)
        thread.join(10)
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, listening: asyncio.Server) -> None:
    listening.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_later(0.1, loop.stop)
