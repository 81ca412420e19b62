"""Time parts of the work as spans, if an exporter is set up.

Otherwise nothing is done.

A span has a name and attributes of a fixed list. Names and values are words of the program, numbers
and the ID of a request: never an address, a parameter, a text or an identifier of a tenant, a
person or an order. `config.trace_export` sets the exporter up.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Attribute(StrEnum):
    """What a span may say. Names without a prefix are OpenTelemetry's own."""

    METHOD = "http.request.method"
    ROUTE = "http.route"
    STATUS = "http.response.status_code"
    ERROR = "error.type"
    REQUEST_ID = "theseller.request_id"
    TASK = "theseller.job.task"
    QUEUE = "theseller.job.queue"
    ATTEMPT = "theseller.job.attempt"
    OPERATION = "theseller.amazon.operation"
    STATEMENTS = "theseller.database.statements"
    STATEMENT_SECONDS = "theseller.database.seconds"


class SpanKind(StrEnum):
    """Who caused the work of a span."""

    SERVER = "server"
    CONSUMER = "consumer"
    CLIENT = "client"


class Span(Protocol):
    """One part of the work."""

    def set(self, attribute: Attribute, value: str | float) -> None:
        """Set one attribute."""

    def rename(self, name: str) -> None:
        """Replace the name: a request's pattern is known at its end only."""


class Tracer(Protocol):
    """Makes spans and exports them when they end."""

    def span(self, name: str, kind: SpanKind) -> AbstractContextManager[Span]:
        """Time the block; spans that begin in it are part of this one."""


class _NoSpan:
    """The span of a process that exports none."""

    def set(self, attribute: Attribute, value: str | float) -> None:
        """Do nothing."""

    def rename(self, name: str) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Statements:
    """The database statements of a block; several threads may add to it."""

    count: int = 0
    seconds: float = 0.0


_NOTHING = _NoSpan()
_tracer: Tracer | None = None
_statements: contextvars.ContextVar[_Statements | None] = contextvars.ContextVar(
    "statements", default=None
)


def set_tracer(tracer: Tracer | None) -> None:
    """Make spans with `tracer` from now on; None makes none."""
    global _tracer  # noqa: PLW0603 - one per process, like the root logger
    _tracer = tracer


def span(name: str, kind: SpanKind) -> AbstractContextManager[Span]:
    """Time the block as a span. An exception adds its type and is raised."""
    return nullcontext(_NOTHING) if _tracer is None else _recorded(_tracer, name, kind)


@contextmanager
def _recorded(tracer: Tracer, name: str, kind: SpanKind) -> Iterator[Span]:
    statements = _Statements()
    token = _statements.set(statements)
    try:
        with tracer.span(name, kind) as found:
            try:
                yield found
            except BaseException as error:
                found.set(Attribute.ERROR, type(error).__name__)
                raise
            finally:
                if statements.count:
                    found.set(Attribute.STATEMENTS, statements.count)
                    found.set(Attribute.STATEMENT_SECONDS, round(statements.seconds, 6))
    finally:
        _statements.reset(token)


def time_statement(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:  # noqa: ANN401 - Django's signature
    """Execute a statement and add it to the span: a wrapper for Django.

    Source: Django, "Database instrumentation".
    """
    statements = _statements.get()
    begun = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        if statements is not None:
            statements.count += 1
            statements.seconds += time.perf_counter() - begun
