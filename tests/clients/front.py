"""Amazon's host names for real clients: a proxy that ends TLS and calls the emulator.

The clients run as they are: they open a tunnel to ``sellingpartnerapi-eu.amazon.com`` or
``api.amazon.com``, check its certificate (of an authority made here), and send what they would send
to Amazon. A tunnel to any other host is refused and remembered.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from tests.tls_certificates import write_certificate

#: Prefix of the path at the emulator, by host.
HOSTS = {
    "api.amazon.com": "",
    "sellingpartnerapi-na.amazon.com": "/spapi/na",
    "sellingpartnerapi-eu.amazon.com": "/spapi/eu",
    "sellingpartnerapi-fe.amazon.com": "/spapi/fe",
    "tortuga-prod-eu.s3-eu-west-1.amazonaws.com": "",
}
DOCUMENTS = "https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com"
_STEP = 65536


class Front:
    """The proxy.

    `authority` is the file that clients must trust; `foreign` are the requested hosts that are not
    Amazon's.
    """

    def __init__(self, folder: Path, emulator_port: int) -> None:
        self.authority = folder / "amazon.pem"
        write_certificate(self.authority, folder / "amazon.key", *HOSTS)
        self.foreign: list[str] = []
        self._tunnels: list[threading.Thread] = []
        self._emulator = ("127.0.0.1", emulator_port)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.authority, folder / "amazon.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more tunnels."""
        self._listener.close()
        for tunnel in self._tunnels:
            tunnel.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            tunnel = threading.Thread(target=self._tunnel, args=(client,), daemon=True)
            tunnel.start()
            self._tunnels.append(tunnel)

    def _tunnel(self, client: socket.socket) -> None:
        """Open one tunnel and answer one request in it; the clients open another for the next."""
        with contextlib.suppress(OSError), contextlib.closing(client):
            client.settimeout(60)
            method, target, *_ = _head(client).split(b" ")
            host = target.decode().rpartition(":")[0]
            if method != b"CONNECT" or host not in HOSTS:
                self.foreign.append(host)
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                self._tls.wrap_socket(
                    client, server_side=True, suppress_ragged_eofs=True
                ) as secured,
                socket.create_connection(self._emulator, 60) as emulator,
            ):
                head, _, body = _head(secured).partition(b"\r\n\r\n")
                line, *fields = head.split(b"\r\n")
                verb, path, version = line.split(b" ")
                kept = [field for field in fields if not field.lower().startswith(b"connection:")]
                request = b"\r\n".join(
                    [
                        b" ".join([verb, HOSTS[host].encode() + path, version]),
                        *kept,
                        b"Connection: close",
                    ]
                )
                emulator.sendall(request + b"\r\n\r\n" + body)
                missing = _length(fields) - len(body)
                while missing > 0 and (chunk := secured.recv(_STEP)):
                    emulator.sendall(chunk)
                    missing -= len(chunk)
                while chunk := emulator.recv(_STEP):
                    secured.sendall(chunk)


def _head(connection: socket.socket) -> bytes:
    """Return what came until the empty line, and what came with it of the body."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(_STEP)
        if not chunk:
            raise ConnectionError
        received += chunk
    return received


def _length(fields: list[bytes]) -> int:
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
