"""TLS in front of a PostgreSQL that is built without it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading

#: What libpq sends before it speaks TLS.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class TlsFront:
    """Ends TLS as PostgreSQL does: after an SSLRequest that is answered by `S`."""

    def __init__(
        self, behind: int, tls: ssl.SSLContext, *, listen: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._behind, self._tls = behind, tls
        self._listener = socket.create_server((listen, port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        _notice_a_lost_peer(client)
        with contextlib.suppress(OSError), client:
            while (request := client.recv(8)) != _SSL_REQUEST:
                if not request:
                    return
                client.sendall(b"N")  # libpq may ask for GSSAPI first
            client.sendall(b"S")
            with (
                self._tls.wrap_socket(client, server_side=True) as inside,
                socket.create_connection(("127.0.0.1", self._behind)) as server,
            ):
                back = threading.Thread(target=_copy, args=(server, inside), daemon=True)
                back.start()
                _copy(inside, server)
                back.join()


def _notice_a_lost_peer(client: socket.socket) -> None:
    """Do what PostgreSQL does by the settings of the roles (`postgres/sql/roles.sql`)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 25_000),
    ):  # fmt: skip
        if hasattr(socket, name):  # macOS has not all of them
            client.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
