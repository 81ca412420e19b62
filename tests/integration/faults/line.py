"""A line to a server that a test cuts.

It passes bytes, refuses connections, or is silent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

Address = Path | int
"""A Unix socket, or a port of this machine."""


class Line:
    """Passes the bytes of each connection at `listen` to `target`.

    Silent, it passes nothing and ends nothing, as a cut network does; a program notices by time
    only. Refusing, it ends all connections and takes none.
    """

    def __init__(self, listen: Address, target: Address) -> None:
        self.listen = listen
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._start()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Pass nothing. Then what was sent meanwhile arrives."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """End all connections and refuse new ones."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def close(self) -> None:
        self._flows.set()
        self._stop()

    def _start(self) -> None:
        if isinstance(self.listen, Path):
            self.listen.unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.listen))
            self.listen.chmod(0o777)
            self._listener.listen(100)
        else:
            self._listener = socket.create_server(("127.0.0.1", self.listen), backlog=100)
            self.listen = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone would leave the thread that waits in accept() listening.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._flows.wait()
        with contextlib.suppress(OSError), client, self._connect() as server:
            self._open |= {client, server}
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()
            self._open -= {client, server}

    def _connect(self) -> socket.socket:
        if isinstance(self._target, Path):
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._target))
            except OSError:
                server.close()
                raise
            return server
        return socket.create_connection(("127.0.0.1", self._target))

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
