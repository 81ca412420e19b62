"""Connect to the public address over TLS and HTTP, as the prober does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from theseller.cli.errors import USAGE, CommandError

WAIT = 30.0
_ADDRESSES_MAX = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, headers and body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """The public address.

    Attributes:
        url: `THESELLER_PUBLIC_URL` of the deployment, without a slash at its end.
        http_port: port for plain HTTP.
    """

    url: str
    http_port: int = 80

    def __post_init__(self) -> None:
        """Refuse what is no https:// address.

        Raises:
            CommandError: it is none.
        """
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname or parts.path:
            raise CommandError(
                f"{self.url} is no public address.",
                "Give the deployment's THESELLER_PUBLIC_URL, such as https://shop.example.",
                status=USAGE,
            )

    @property
    def host(self) -> str:
        """The host name."""
        return urlsplit(self.url).hostname or ""

    @property
    def authority(self) -> str:
        """The host name, with the port if the address has one."""
        return urlsplit(self.url).netloc

    @property
    def port(self) -> int:
        """The port for HTTPS."""
        return urlsplit(self.url).port or 443

    def addresses(self) -> list[str]:
        """Return the IP addresses that the name has on this machine.

        Raises:
            OSError: it has none.
        """
        found = socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        return list(dict.fromkeys(str(one[4][0]) for one in found))[:_ADDRESSES_MAX]

    def connect(self, address: str, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Connect to one IP address over TLS, for this name."""
        raw = socket.create_connection((address, self.port), timeout=WAIT)
        try:
            return context.wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise

    def request(
        self,
        address: str,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request over TLS.

        A certificate that is not trusted does not prevent it: what the prober sends is signed or
        no secret, and a finding about the certificate must reach the deployment.
        """
        connection = http.client.HTTPConnection(self.authority, timeout=WAIT)
        try:
            connection.sock = self.connect(address, ssl.create_default_context())
        except ssl.SSLError:
            connection.sock = self.connect(address, any_tls())
        sent = {"Host": self.authority, **(headers or {}), "Connection": "close"}
        return _exchange(connection, method, path, body, sent)

    def request_plainly(self, address: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Request a page without TLS, at the port for plain HTTP."""
        connection = http.client.HTTPConnection(address, self.http_port, timeout=WAIT)
        return _exchange(
            connection, "GET", path, None, {"Host": self.host, **headers, "Connection": "close"}
        )


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Answer:
    """Send a request as it is, also one that http.client would refuse to send."""
    connection._validate_path = lambda _path: None  # type: ignore[attr-defined]  # noqa: SLF001
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode())
        if body or method == "POST":
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def any_tls(
    version: ssl.TLSVersion | None = None, ciphers: str = "ALL:@SECLEVEL=0"
) -> ssl.SSLContext:
    """Return a client that offers old versions and ciphers.

    It accepts any certificate.

    With `version`, it offers that version only.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # What is tested is the handshake.
    limit(context, version, ciphers)
    return context


def limit(context: ssl.SSLContext, version: ssl.TLSVersion | None, ciphers: str) -> None:
    """Limit a client or server to one version and to some ciphers.

    Without a version, to TLS 1.0 and later.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # That they are old is the point.
        context.minimum_version = version or ssl.TLSVersion.TLSv1
        if version is not None:
            context.maximum_version = version
    context.set_ciphers(ciphers)
