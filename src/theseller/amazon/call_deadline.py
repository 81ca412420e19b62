"""A deadline over a whole call, however slowly its bytes arrive.

The HTTP client's own time limits are for each read: a server that sends one byte a second never
meets them. Here each read, each write and each handshake of a connection is given no more than what
is left of the deadline of its thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
from typing_extensions import override


class _Thread(threading.local):
    """When the call of this thread must end, by the monotonic clock."""

    ends_at: float | None = None


_THREAD = _Thread()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit the calls of this thread inside to `seconds` in all.

    A nearer deadline around this one still applies.
    """
    with until(time.monotonic() + seconds):
        yield


@contextmanager
def until(ends_at: float) -> Iterator[None]:
    """Limit the calls of this thread inside to the time `ends_at`.

    `ends_at` is a time of the monotonic clock, in seconds. A nearer deadline around this one still
    applies.
    """
    former = _THREAD.ends_at
    _THREAD.ends_at = ends_at if former is None else min(former, ends_at)
    try:
        yield
    finally:
        _THREAD.ends_at = former


def left(wanted: float | None) -> float | None:
    """Return the seconds that a step may take.

    `wanted`, or less if the deadline is nearer; None for no limit.

    Raises:
        httpcore.ReadTimeout: the deadline has passed.
    """
    if _THREAD.ends_at is None:
        return wanted
    remaining = _THREAD.ends_at - time.monotonic()
    if remaining <= 0:
        raise httpcore.ReadTimeout("the deadline of the call has passed")
    return remaining if wanted is None else min(wanted, remaining)


def pieces_until(pieces: Iterable[bytes], ends_at: float) -> Iterator[bytes]:
    """Yield `pieces`, each fetched under the deadline `ends_at`.

    `ends_at` is a time of the monotonic clock, in seconds. The deadline applies to the fetching of
    pieces only and does not interrupt the consumer; but its time counts, so that the next piece
    fails if the consumer took too long.

    Raises:
        httpcore.ReadTimeout: the deadline has passed before a piece was there.
    """
    iterator = iter(pieces)
    while True:
        with until(ends_at):
            left(None)
            piece = next(iterator, None)
        if piece is None:
            return
        yield piece


class _Stream(httpcore.NetworkStream):
    """A connection whose every step obeys the deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left(timeout))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, left(timeout))

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left(timeout)))

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connections that obey the deadline of the thread that uses them."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, at most until the deadline of the thread."""
        return _Stream(
            self._backend.connect_tcp(host, port, left(timeout), local_address, socket_options)
        )

    @override
    def sleep(self, seconds: float) -> None:
        """Sleep; the deadline does not shorten it."""
        self._backend.sleep(seconds)
