"""Spans reach the collector with what belongs to them; a collector that is away costs nothing."""

from __future__ import annotations

import pytest
from django.db.backends.signals import connection_created
from structlog.testing import capture_logs
from tests.trace_collector import trace_collector

from theseller.config.trace_export import start_traces
from theseller.lib import trace_spans
from theseller.lib.trace_spans import Attribute, SpanKind, span, time_statement


@pytest.fixture(autouse=True)
def _no_tracer_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_spans, "_tracer", None)
    monkeypatch.setattr(connection_created, "connect", lambda *_given, **_named: None)


def _fail() -> None:
    with span("outer", SpanKind.CONSUMER) as outer:
        outer.set(Attribute.TASK, "ingest.pull")
        for _ in range(3):
            time_statement(lambda *_given: None, "select 1", None, None, None)
        with span("inner", SpanKind.CLIENT) as inner:
            inner.rename("Amazon searchOrders")
            raise ValueError("canary")


def test_spans_have_parents_statements_and_the_class_of_an_error_only() -> None:
    with trace_collector() as collector:
        stop = start_traces(collector.url, "worker")
        with pytest.raises(ValueError, match="canary"):
            _fail()
        stop()
    inner, outer = (collector.named(one)[0] for one in ("Amazon searchOrders", "outer"))
    assert inner.trace_id == outer.trace_id
    assert inner.parent_id
    assert not outer.parent_id
    assert inner.failed
    assert inner.attributes == {"error.type": "ValueError"}
    assert outer.attributes["theseller.database.statements"] == "3"
    assert float(outer.attributes["theseller.database.seconds"]) > 0
    assert not any(b"canary" in body for body in collector.bodies)


def test_lost_spans_are_counted_in_one_line() -> None:
    with trace_collector() as collector:
        pass  # it is closed again: nothing listens at its port
    with capture_logs() as lines:
        stop = start_traces(collector.url, "web")
        for _ in range(4):
            with span("request", SpanKind.SERVER):
                pass
        stop()
    assert [(one["event"], one["spans"]) for one in lines] == [("traces_not_exported", 4)]


def test_without_a_collector_nothing_is_made_or_loaded() -> None:
    start_traces("", "web")
    with span("request", SpanKind.SERVER) as found:
        found.set(Attribute.STATUS, 200)
    assert not hasattr(found, "_made")
