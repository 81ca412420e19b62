"""A gunicorn worker in which slow clients occupy no thread.

A thread gets a request when all of it has arrived. gunicorn's own threaded worker reads headers and
body in the thread that answers, with no limit of time: a few half-sent requests stop it. Here the
event loop reads them (`PendingRequest`), each within a deadline. Bodies of report files are the
exception: they are too large to be buffered for unauthenticated clients, so a thread reads
them, a few at a time, and only as long as they keep coming (`TimedSocket`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker
from typing_extensions import override

from theseller.config.environment import read_trusted_proxies
from theseller.lib.ip_networks_and_proxies import network_of

#: Bytes of a request's line and headers, and of a body that is read by the loop.
HEAD_MAX = 64 * 1024
BODY_MAX = 256 * 1024
#: Where larger bodies are taken: the import of report files.
LARGE_BODIES_AT = (b"/imports/",)
#: Seconds for a request's line and headers, and for all of a request that the loop reads.
HEAD_SECONDS, REQUEST_SECONDS = 10.0, 30.0
#: Unfinished requests that one worker holds: in all, and of one network. Above that the oldest is
#: dropped, so that a new one is read.
WAITING_MAX, WAITING_MAX_OF_NETWORK = 400, 64
BUFFERED_MAX = 32 * 1024 * 1024
#: Seconds in which a worker that stops still reads requests that have begun to arrive.
STOP_SECONDS = 2.0
#: How long, and for how many connections, the end of an answer is waited for.
LINGER_SECONDS, LINGERING_MAX = 2.0, 100
#: A thread gives up on a client that moves no byte for so long, or after `_GRACE` seconds of
#: waiting fewer bytes a second than this.
_SILENCE, _GRACE, _PACE = 15.0, 10.0, 16 * 1024

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ ([^ ?]+)")
_REFUSALS = {
    408: "408 Request Timeout",
    411: "411 Length Required",
    413: "413 Content Too Large",
    431: "431 Request Header Fields Too Large",
    503: "503 Service Unavailable",
}


class TimedSocket(socket.socket):
    """A socket whose blocking calls end if the client is silent or too slow."""

    _waited = 0.0
    _moved = 0

    @override
    def setblocking(self, flag: bool, /) -> None:
        """Set the timeout of a silent client instead of blocking forever."""
        self.settimeout(_SILENCE if flag else 0.0)

    def begin(self) -> None:
        """Start measuring: a new request is answered."""
        self._waited, self._moved = 0.0, 0

    @override
    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive, and count time and bytes.

        Raises:
            ConnectionResetError: the client was silent or too slow.
        """
        begun = time.monotonic()
        try:
            data = super().recv(size, flags)
        except TimeoutError:
            raise _too_slow() from None
        self._note(begun, len(data))
        return data

    @override
    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send, and count time and bytes.

        Raises:
            ConnectionResetError: the client was silent or too slow.
        """
        begun = time.monotonic()
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise _too_slow() from None
        self._note(begun, len(data))

    def _note(self, begun: float, moved: int) -> None:
        # Only time in which we waited for the client: an answer may take long to make.
        self._waited += time.monotonic() - begun
        self._moved += moved
        if self._waited > _GRACE and self._moved < (self._waited - _GRACE) * _PACE:
            raise _too_slow()


def _too_slow() -> ConnectionResetError:
    # As if the client had disconnected: gunicorn and Django take that quietly.
    return ConnectionResetError(errno.ECONNRESET, "the client is too slow")


@dataclass(slots=True, eq=False)
class PendingRequest:
    """A request of which a part has arrived."""

    conn: TConn
    network: str | None  # None for a trusted proxy, which many clients share
    began: float = field(default_factory=time.monotonic)
    buffer: bytearray = field(default_factory=bytearray)
    head: int = 0  # length of line and headers, 0 while they are not complete
    needed: int = 0

    def overdue(self, now: float) -> bool:
        """Return whether it took too long."""
        return now - self.began > (REQUEST_SECONDS if self.head else HEAD_SECONDS)

    def take(self, data: bytes) -> int | None:
        """Add what arrived and return what to do.

        Returns:
            None to wait for more, 0 if the request is complete, 1 for a large body, else the HTTP
            status of a refusal.
        """
        searched = max(len(self.buffer) - len(_END), 0)
        self.buffer += data
        if not self.head:
            end = self.buffer.find(_END, searched)
            if end < 0:
                return 431 if len(self.buffer) > HEAD_MAX else None
            self.head = end + len(_END)
            if (refusal := self._read_head()) is not None:
                return refusal
        return 0 if len(self.buffer) >= self.needed else None

    def _read_head(self) -> int | None:
        head = bytes(self.buffer[: self.head])
        if _CHUNKED.search(head):
            return 411
        lengths = _LENGTH.findall(head)
        if len(lengths) != 1:
            self.needed = self.head  # no body; several lengths are gunicorn's to refuse
            return None
        length = int(lengths[0])
        self.needed = self.head + length
        if length > BODY_MAX:
            target = _TARGET.match(head)
            return 1 if target and target[1] in LARGE_BODIES_AT else 413
        if len(self.buffer) < self.needed and _EXPECTS.search(head):
            with contextlib.suppress(OSError):
                self.conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None


class BufferingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no type information
    """gunicorn's threaded worker, with the loop reading requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # gunicorn's own  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._arriving: dict[PendingRequest, None] = {}  # oldest first
        self._lingering: dict[TConn, float] = {}  # with when that began, oldest first
        self._large: dict[TConn, str | None] = {}
        self._proxies = read_trusted_proxies(os.environ, required=False)
        self._checked = 0.0
        self._stopping_since: float | None = None

    @override
    def accept(self, listener: Any) -> None:
        """Take a new connection and wait for its request."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in {
                errno.EAGAIN,
                errno.ECONNABORTED,
                errno.EWOULDBLOCK,
                errno.EMFILE,
                errno.ENFILE,
            }:
                return
            raise
        self.nr_conns += 1
        self._wait_for(
            TConn(self.cfg, TimedSocket(fileno=sock.detach()), client, listener.getsockname())
        )

    @override
    def on_client_socket_readable(self, conn: TConn, client: Any) -> None:
        """Wait for the next request of a connection that is kept alive.

        Its first bytes have arrived.
        """
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._wait_for(conn)

    def _wait_for(self, conn: TConn) -> None:
        peer = conn.client[0] if isinstance(conn.client, tuple) else ""
        network = None if peer in self._proxies else network_of(peer)
        of_network = (
            [one for one in self._arriving if one.network == network] if network is not None else []
        )
        if len(of_network) >= WAITING_MAX_OF_NETWORK:
            self._drop(of_network[0])
        elif len(self._arriving) >= WAITING_MAX:
            self._drop(next(iter(self._arriving)))
        arriving = PendingRequest(conn, network)
        self._arriving[arriving] = None
        conn.sock.settimeout(0.0)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, arriving))

    def _on_readable(self, arriving: PendingRequest, _client: object) -> None:
        try:
            data = arriving.conn.sock.recv(HEAD_MAX)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop(arriving)
            return
        outcome = arriving.take(data)
        if outcome is None:
            self._enforce_memory_limit()
        elif outcome == 0:
            self._dispatch(arriving)
        elif outcome == 1:
            self._dispatch_large(arriving)
        else:
            self._drop(arriving, outcome)

    def _dispatch(self, arriving: PendingRequest) -> None:
        """Give a request to a thread.

        What a client sent ahead of the response is dropped with the connection.
        """
        self._stop_waiting(arriving)
        conn = arriving.conn
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        taken = len(arriving.buffer) if conn in self._large else arriving.needed
        conn.parser.unreader.unread(bytes(arriving.buffer[:taken]))
        conn.data_ready = True
        conn.only_this = conn in self._large or len(arriving.buffer) > taken
        self.enqueue_req(conn)

    def _dispatch_large(self, arriving: PendingRequest) -> None:
        networks = list(self._large.values())
        of_network = networks.count(arriving.network) if arriving.network is not None else 0
        if len(networks) >= max(self.cfg.threads // 2, 1) or of_network >= max(
            self.cfg.threads // 4, 1
        ):
            self._drop(arriving, 503)
            return
        self._large[arriving.conn] = arriving.network
        self._dispatch(arriving)

    @override
    def handle(self, conn: TConn) -> Any:
        """Answer a request, in a thread."""
        conn.sock.begin()
        again = super().handle(conn)
        return again and not conn.only_this

    @override
    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Go on after an answer, in the loop."""
        self._large.pop(conn, None)
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def _linger(self, conn: TConn) -> None:
        """Close when the client has closed, or soon.

        If it were closed immediately, unread bytes would make the kernel discard the end of the
        response. gunicorn waits for that in the loop, where one client after the other could hold
        up everyone.
        """
        try:
            conn.sock.settimeout(0.0)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError, KeyError):
            self._close(conn)
            return
        self._lingering[conn] = time.monotonic()
        if len(self._lingering) > LINGERING_MAX:
            self._discarded(next(iter(self._lingering)))

    def _discard(self, conn: TConn, _client: object) -> None:
        try:
            if conn.sock.recv(HEAD_MAX):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self._discarded(conn)

    def _discarded(self, conn: TConn) -> None:
        del self._lingering[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    @override
    def murder_pending(self) -> None:
        """Drop requests that take too long.

        When the worker stops, those that were accepted just before, or that come on a connection
        kept alive, are still read; what has not arrived soon is dropped.
        """
        now = time.monotonic()
        if self.alive and now - self._checked < 1.0:
            return
        self._checked = now
        if not self.alive and self._stopping_since is None:
            self._stopping_since = now
        stopping = self._stopping_since is not None and now - self._stopping_since > STOP_SECONDS
        for one in [one for one in self._arriving if stopping or one.overdue(now)]:
            self._drop(one, 408 if one.buffer else None)
        for conn in [
            conn for conn, since in self._lingering.items() if now - since > LINGER_SECONDS
        ]:
            self._discarded(conn)

    def _enforce_memory_limit(self) -> None:
        if sum(len(one.buffer) for one in self._arriving) > BUFFERED_MAX:
            self._drop(max(self._arriving, key=lambda one: len(one.buffer)), 503)

    def _stop_waiting(self, arriving: PendingRequest) -> None:
        del self._arriving[arriving]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(arriving.conn.sock)

    def _drop(self, arriving: PendingRequest, status: int | None = None) -> None:
        """Close a connection, with an error response if there is a status.

        The loop never waits for the client.
        """
        self._stop_waiting(arriving)
        if status is None:
            self._close(arriving.conn)
        else:
            again = "Retry-After: 5\r\n" if status == 503 else ""
            answer = (
                f"HTTP/1.1 {_REFUSALS[status]}\r\n{again}Connection: close\r\nContent-Length:"
                " 0\r\n\r\n"
            )
            with contextlib.suppress(OSError):
                arriving.conn.sock.send(answer.encode())
            self._linger(arriving.conn)
