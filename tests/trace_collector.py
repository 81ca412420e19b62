"""An OpenTelemetry collector on this machine: keeps the spans that are sent to it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span, with its attributes as texts."""

    service: str
    name: str
    trace_id: bytes
    parent_id: bytes
    failed: bool
    events: int
    attributes: dict[str, str]


@dataclass(slots=True)
class Collector:
    """What arrived so far: the bytes of each request, decompressed, and their spans."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[ReceivedSpan]:
        return [one for body in list(self.bodies) for one in _spans(body)]

    def named(self, name: str) -> list[ReceivedSpan]:
        return [one for one in self.spans() if one.name == name]


def _spans(body: bytes) -> Iterator[ReceivedSpan]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {one.key: one.value.string_value for one in group.resource.attributes}
        for scope in group.scope_spans:
            for one in scope.spans:
                values = {
                    pair.key: str(getattr(pair.value, pair.value.WhichOneof("value") or ""))
                    for pair in one.attributes
                }
                yield ReceivedSpan(
                    resource["service.name"], one.name, one.trace_id, one.parent_span_id,
                    one.status.code == one.status.STATUS_CODE_ERROR, len(one.events), values,
                )  # fmt: skip


@contextmanager
def trace_collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            found.bodies.append(gzip.decompress(body) if zipped else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
