"""One step of a stream: its calls, and the transaction in which it writes.

A call and a write each happen inside `open_connection`, which keeps the connection from ending
meanwhile: no call leaves after the commit of a disconnection, and a page that arrives late is not
written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from theseller.amazon.decoders.reports_api import decode_report_document
from theseller.amazon.spapi_client import Value
from theseller.connections.access_tokens import open_connection
from theseller.connections.types import ConnectionView
from theseller.ingest.sync import stream_state
from theseller.ingest.sync.rate_limited_client import RateLimitedClient
from theseller.ingest.sync.unknown_field_records import note_drift
from theseller.ingest.types import Advance, Lease

#: How long a download keeps its connection from ending before it looks whether it has.
_INTERVAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Document:
    """A report document as Amazon served it.

    Its bytes, perhaps compressed, and the charset of the response, if one was named.
    """

    pieces: list[bytes] = field(repr=False)
    charset: str | None


class SyncStep:
    """What a step works with.

    `at` is the step's instant; `now` returns the present one, for steps that last.
    """

    def __init__(self, lease: Lease, view: ConnectionView, *, now: Callable[[], datetime]) -> None:
        self.lease = lease
        self.view = view
        self.now = now
        self.at = now()
        self._client = RateLimitedClient(view, now=now)
        self._drift: list[tuple[str, tuple[str, ...]]] = []
        self._renewed_at = self.at

    @property
    def tenant(self) -> UUID:
        """Return the tenant of the stream."""
        return self.lease.key.tenant

    @property
    def connection(self) -> UUID:
        """Return the connection of the stream."""
        return self.lease.key.connection

    def pay(self, operation: str) -> None:
        """Take a token of `operation` for the call that follows.

        It does not wait.

        Raises:
            ThrottledError: there is no token.
        """
        self._client.pay(operation)

    def pay_report(self, report_type: str) -> None:
        """Take one of the reports of `report_type` that Amazon makes in a day.

        It does not wait.

        Raises:
            ThrottledError: there is none now.
        """
        self._client.pay_report(report_type)

    def give_report_back(self, report_type: str) -> None:
        """Give back what `pay_report` took: Amazon denied the report."""
        self._client.give_report_back(report_type)

    def call(
        self,
        operation: str,
        *,
        params: Mapping[str, Value] | None = None,
        path: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        paid: bool = False,
    ) -> bytes:
        """Call `operation` and return the undecoded answer.

        Raises:
            AmazonError: the call failed.
            ConnectionClosedError: the connection has ended.
        """
        if not paid:
            self.pay(operation)
        self._keep_lease(self.now())
        return self._client.call(operation, params=params, path=path, body=body)

    def _keep_lease(self, at: datetime) -> None:
        if at - self._renewed_at > stream_state.LEASE_LENGTH / 3:
            with open_connection(self.tenant, self.connection, at=at):
                stream_state.renew(self.lease, at=at)
            self._renewed_at = at

    def download(self, document_id: str) -> Document:
        """Return a report document in memory, once it proved whole.

        Its bytes are as they came; the readers of reports decompress them. Its address is requested
        again each time and not stored. The connection is kept from ending for some seconds at a
        time, so that a disconnection waits for no document: the next interval finds the connection
        closed.

        Raises:
            AmazonError: a request failed.
            ConnectionClosedError: the connection has ended.
        """
        document = decode_report_document(
            self.call("getReportDocument", path={"reportDocumentId": document_id})
        )
        pieces: list[bytes] = []
        charsets: list[str] = []
        plain = self._client.get_document(
            document.url, document.compression_algorithm, keep=pieces, charsets=charsets
        )
        with contextlib.closing(plain):  # type: ignore[type-var]  # it is a generator
            whole = False
            while not whole:
                self._keep_lease(self.now())
                with open_connection(self.tenant, self.connection, at=self.now()):
                    ends_at = time.monotonic() + _INTERVAL_SECONDS
                    whole = not any(time.monotonic() >= ends_at for _ in plain)
        return Document(pieces, charsets[0] if charsets else None)

    def note_unknown_fields(self, operation: str, drift: tuple[str, ...]) -> None:
        """Remember unknown fields; they are noted when the step commits."""
        if drift:
            self._drift.append((operation, drift))

    def commit(self, step: Advance, write: Callable[[], object] | None = None) -> None:
        """Write facts, progress and drift in one transaction, or nothing.

        Raises:
            ConnectionClosedError: the connection has ended.
            LeaseLostError: another worker has taken the stream.
        """
        at = self.now()
        with open_connection(self.tenant, self.connection, at=at):
            lease = stream_state.advance(self.lease, step, at=at)
            if write is not None:
                write()
            for operation, paths in self._drift:
                note_drift(
                    paths,
                    operation=operation,
                    tenant=self.tenant,
                    connection=self.connection,
                    at=at,
                )
        self._drift.clear()
        self.lease = lease
