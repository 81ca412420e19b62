"""Connections that fail if the server does not answer in time.

The server's own limits of statements end nothing if the network or the server is silent: a client
would wait for as long as the operating system does, a quarter of an hour or forever.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

import psycopg
from psycopg import Notify
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout
from psycopg.rows import TupleRow
from typing_extensions import override

RV = TypeVar("RV")

#: What libpq sets on a connection over a network: one without any answer is given up 25 seconds
#: after the last one, also while no statement runs. Unix sockets ignore it.
LOST_PEER_OPTIONS = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
#: How long the pool's check of a connection may take, before it is handed out.
CHECK_SECONDS = 3.0
#: How long an answer for the queue may take after one that did not come.
SILENT_SECONDS = 5.0
#: How often psycopg wakes up while it waits, as its own default.
_INTERVAL = 0.1
#: Who waits for notifications waits until there is one.
_A_YEAR = 365 * 86_400.0


class NoAnswerError(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer of the database within {seconds:g} s: timeout expired")


class AnsweringConnection(psycopg.Connection[TupleRow]):
    """A connection of which each answer may take `answer_seconds`."""

    usual_seconds = 25.0

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - psycopg's own
        super().__init__(*args, **options)
        self.answer_seconds = self.usual_seconds

    @override
    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        """Wait for the server. Raises NoAnswerError."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_seconds)
        except _WaitTimeout:
            self.pgconn.finish()  # what the server still does is not known
            raise NoAnswerError(self.answer_seconds) from None

    @override
    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        """Run a statement.

        An empty one is the pool's check, which must not take long.
        """
        if query != "":
            return super().execute(query, *args, **options)
        usual, self.answer_seconds = self.answer_seconds, min(self.answer_seconds, CHECK_SECONDS)
        try:
            return super().execute(query, *args, **options)
        finally:
            self.answer_seconds = usual


class AnsweringAsyncConnection(psycopg.AsyncConnection[TupleRow]):
    """A connection of the queue: no statement of it is long.

    The time includes that in which the event loop does not run, on a host that is overloaded. Once
    an answer is missing, all connections of the class wait no longer than `SILENT_SECONDS`: a
    worker that ends because of it has several statements left to try.
    """

    answer_seconds = 60.0

    @staticmethod
    def on_silence() -> None:
        """Be told that an answer is missing."""

    @override
    async def wait(
        self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None
    ) -> RV:
        """Wait for the server. Raises NoAnswerError."""
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        seconds = self.answer_seconds
        try:
            return await super().wait(gen, interval, seconds)
        except _WaitTimeout:
            self.pgconn.finish()
            type(self).answer_seconds = min(seconds, SILENT_SECONDS)
            self.on_silence()
            raise NoAnswerError(seconds) from None

    @override
    def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> AsyncGenerator[Notify]:
        """Yield notifications; the time until the next one is not limited."""
        return super().notifies(
            timeout=_A_YEAR if timeout is None else timeout, stop_after=stop_after
        )


def queue_connection(on_silence: Callable[[], None]) -> type[AnsweringAsyncConnection]:
    """Return the class of connections of one run of the queue.

    `on_silence` is called for each answer that is missing.
    """
    members = {"on_silence": staticmethod(on_silence)}
    return type("AnsweringAsyncConnection", (AnsweringAsyncConnection,), members)


def answering_within(seconds: float) -> type[AnsweringConnection]:
    """Return the class of connections of which each answer may take `seconds`."""
    return type("AnsweringConnection", (AnsweringConnection,), {"usual_seconds": seconds})


def allow_long_answers(connection: object, seconds: float) -> None:
    """Let each answer take `seconds`.

    Until the connection returns to its pool.
    """
    if isinstance(connection, AnsweringConnection):
        connection.answer_seconds = max(connection.answer_seconds, seconds)


def limit_answers_again(connection: object) -> None:
    """Take back what `allow_long_answers` did."""
    if isinstance(connection, AnsweringConnection):
        connection.answer_seconds = connection.usual_seconds
