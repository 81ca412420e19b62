"""Check whether the reverse proxy buffers requests.

The request is sent from outside, to the deployment's own address.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

#: Seconds to wait for an answer that must not come.
_WAIT = 3.0
#: More than the web process reads of a body outside the import: it refuses this at once when it
#: sees the headers.
_LENGTH = 300_000


@dataclass(frozen=True, slots=True)
class EdgeFinding:
    """The result; `buffers` is None if the address did not answer."""

    buffers: bool | None
    found: str


def check_edge(
    environ: Mapping[str, str],
    *,
    trust: ssl.SSLContext | None = None,
    address: tuple[str, int] | None = None,
) -> EdgeFinding:
    """Send the headers of a large request without its body.

    A proxy that buffers waits for the body. One that does not passes the headers on, and the web
    process refuses the length (413).

    Args:
        environ: where `THESELLER_PUBLIC_URL` is read.
        trust: the certificates to trust, the system's by default.
        address: where to connect, if the name resolves to something else.

    Returns:
        Whether the proxy buffers; None if that is not known.
    """
    url = urlsplit(environ.get("THESELLER_PUBLIC_URL", ""))
    host = url.hostname or ""
    if url.scheme != "https" or not host:
        return EdgeFinding(None, "not checked: THESELLER_PUBLIC_URL is no https:// address")
    try:
        with contextlib.closing(
            _connected(address or (host, url.port or 443), host, trust)
        ) as connection:
            head = (
                f"POST /healthz HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length:"
                f" {_LENGTH}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + b"x")
            try:
                answer = connection.recv(64)
            except TimeoutError:
                return EdgeFinding(buffers=True, found=f"{url.netloc} buffers requests")
    except (OSError, ssl.SSLError) as error:
        return EdgeFinding(None, f"{url.netloc} can't be reached over TLS ({type(error).__name__})")
    if not answer.startswith(b"HTTP/1."):
        return EdgeFinding(None, f"{url.netloc} closed the connection")
    status = answer.split(b" ")[1][:3].decode(errors="replace")
    return EdgeFinding(
        buffers=False,
        found=f"{url.netloc} does not buffer requests: it answered {status} before the body",
    )


def _connected(address: tuple[str, int], host: str, trust: ssl.SSLContext | None) -> ssl.SSLSocket:
    context = trust or ssl.create_default_context()
    connection = context.wrap_socket(
        socket.create_connection(address, timeout=10.0), server_hostname=host
    )
    connection.settimeout(_WAIT)
    return connection
