"""A log line has the pattern of a web request's address, never the address itself.

It may hold what a person searched for.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from theseller.lib.request_route_logging import UNKNOWN_ADDRESS
from theseller.lib.structured_logging import _RedactingFormatter


@dataclass
class _Request:
    """As Django's prints itself: whole."""

    method: str
    path: str
    query: str
    resolver_match: SimpleNamespace | None

    def __repr__(self) -> str:
        return f"<Request: {self.method} '{self.path}?{self.query}'>"


@pytest.mark.parametrize(
    ("route", "logged"),
    [("days/<str:day>/", "/days/<str:day>/"), ("", "/"), (None, UNKNOWN_ADDRESS)],
)
def test_neither_path_nor_query_is_logged(route: str | None, logged: str) -> None:
    match = None if route is None else SimpleNamespace(route=route)
    request = _Request("GET", "/days/BRUSH-77/", "q=BRUSH-77", match)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_RedactingFormatter("web"))
    record = logging.LogRecord(
        "django.request", logging.WARNING, __file__, 1, "%s: %s", ("Not Found", request.path), None
    )
    record.request = request
    handler.handle(record)
    line = stream.getvalue()
    assert "BRUSH-77" not in line
    assert f"Not Found: {logged}" in line
    assert f'"GET {logged}"' in line
    assert record.args == ("Not Found", "/days/BRUSH-77/"), "the record itself is others' too"


def test_log_record_without_a_request_is_unchanged() -> None:
    record = logging.LogRecord(
        "theseller.x", logging.INFO, __file__, 1, "read %s", ("/a/file",), None
    )
    record.request = "of a seller"
    assert "read /a/file" in _RedactingFormatter("web").format(record)
