"""Export spans to an OpenTelemetry collector (OTLP over HTTP).

Trace contexts are neither read from requests nor sent with calls: a client can't choose what our
spans belong to, and Amazon learns nothing of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from theseller import __version__
from theseller.lib.structured_logging import getLogger
from theseller.lib.trace_spans import Attribute, Span, SpanKind, set_tracer, time_statement

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span as OpenTelemetrySpan

log = getLogger(__name__)

#: How long a batch is tried to be sent. Spans wait in memory meanwhile, up to the library's limit,
#: and a process that ends waits this long.
_SECONDS = 2.0
#: A collector that is away is logged this often, not with each batch.
_LOG_EVERY_SECONDS = 60.0


def start_traces(url: str, process: str) -> Callable[[], None]:
    """Export spans of this process to the collector at `url`; "" exports none.

    Call it after a server has forked: a thread sends the spans.

    Args:
        url: where the collector takes traces.
        process: `web` or `worker`.

    Returns:
        a function that sends what is left and ends the thread. The library calls it when the
        process ends.
    """
    if not url:
        return lambda: None
    provider = _provider(url, process)
    set_tracer(_OpenTelemetry(provider))
    connection_created.connect(_time_statements, dispatch_uid=__name__)
    return provider.shutdown


def _provider(url: str, process: str) -> TracerProvider:
    # only where traces are exported: the packages are an extra
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    # The library's own lines have the address of the collector and no event names.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    # The constructor, not `create`: that reads the host and the environment.
    resource = Resource({"service.name": f"theseller-{process}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    exporter = _LoggingExporter(OTLPSpanExporter(endpoint=url, timeout=_SECONDS))
    provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", exporter)))
    return provider


class _LoggingExporter:
    """Passes spans on, and logs at most once a minute that they were lost."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0
        self._logged: float | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch. The exporter tries again for some seconds by itself."""
        result = self._exporter.export(spans)
        if result.value:
            self._lost += len(spans)
            if self._logged is None or time.monotonic() - self._logged > _LOG_EVERY_SECONDS:
                log.warning("traces_not_exported", spans=self._lost)
                self._logged, self._lost = time.monotonic(), 0
        return result

    def shutdown(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return True: nothing waits here."""
        return self._exporter.force_flush(timeout_millis)


class _OpenTelemetry:
    """Makes the library's spans."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind as Kind  # noqa: PLC0415

        self._tracer = provider.get_tracer("theseller", __version__)
        self._kinds = {one: Kind[one.name] for one in SpanKind}

    @contextmanager
    def span(self, name: str, kind: SpanKind) -> Iterator[Span]:
        """Time the block; spans that begin in it are part of this one.

        Texts of exceptions are not recorded: they could have data in them.
        """
        with self._tracer.start_as_current_span(
            name, kind=self._kinds[kind], record_exception=False, set_status_on_exception=False
        ) as made:
            yield _OpenTelemetrySpan(made)


class _OpenTelemetrySpan:
    """One span of the library."""

    def __init__(self, made: OpenTelemetrySpan) -> None:
        self._made = made

    def set(self, attribute: Attribute, value: str | float) -> None:
        """Set one attribute; an error marks the span as failed."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self._made.set_attribute(attribute.value, value)
        if attribute is Attribute.ERROR:
            self._made.set_status(StatusCode.ERROR)

    def rename(self, name: str) -> None:
        """Replace the name."""
        self._made.update_name(name)


def _time_statements(connection: BaseDatabaseWrapper, **_signal: Any) -> None:  # noqa: ANN401
    if time_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(time_statement)
