"""Report files that a seller downloaded and gives to us: checked as a whole first, then stored in one transaction or not at all.

The bytes are held by the caller and read twice: once to inspect, once to store. Nothing of them is written anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, transaction

from theseller.amazon.reports import (
    AllOrdersLine,
    Chunks,
    Inspection,
    Options,
    ReportRefusedError,
    ReportStream,
    ReportType,
    inspect_report,
    stream_report,
)
from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections.locks import ConnectionClosedError, lock_shared
from theseller.connections.operations import connection_for_files
from theseller.connections.types import ConnectionView
from theseller.ingest.facts.bulk import Bulk
from theseller.ingest.facts.documents import Document, document_of, record_document
from theseller.ingest.facts.ledger import write_settlement
from theseller.ingest.facts.locks import IMPORT_LOCK
from theseller.ingest.facts.orders import write_orders
from theseller.ingest.facts.traffic import write_traffic
from theseller.ingest.facts.unclassified import report_unclassified
from theseller.ingest.imports.types import ImportedDocument, ImportOutcome, ImportStatus
from theseller.ingest.types import DocumentOrigin, WriteResult
from theseller.lib.marketplaces import MARKETPLACES, Region, by_code
from theseller.tenancy.scope import renew_ticket, tenant_scope

#: The web's own limits are a page's; a large file takes longer, and so must the ticket.
_PATIENCE = (("statement_timeout", "10min"), ("lock_timeout", "60s"), ("idle_in_transaction_session_timeout", "5min"))
#: Where a line of an all-orders report has its last-updated stamp.
_UPDATED = AllOrdersLine.__struct_fields__.index("last_updated_at")
#: An order is updated within days of its purchase: when it is paid and shipped.
_SOON_UPDATED = timedelta(days=3)
_AGAIN = "Nothing was stored. Import the file again in a minute."


@dataclass(frozen=True, slots=True)
class _File:
    """A file that passed its inspection, on its way into `region`."""

    chunks: Chunks
    options: Options
    inspection: Inspection
    region: Region


def import_report(chunks: Chunks, options: Options, *, tenant: UUID, actor: str, at: datetime) -> ImportOutcome:
    """Check a report file and store it whole, in the open connection of its region (one without a token is made where there is none).

    `chunks` must be replayable: a list, or a callable that reopens the source. The same content again changes nothing. What is wrong
    with the file is an outcome, not an error.
    """
    inspection = inspect_report(
        chunks, filename=options.filename, encoding=options.encoding, expected=options.expected, limits=options.limits
    )
    if not inspection.importable and not may_leave_out_rows(inspection, allowed=options.allow_refused_rows):
        return ImportOutcome(ImportStatus.REFUSED, inspection, why_not=inspection.why_not, advice=inspection.advice)
    regions = regions_of(inspection)
    if not inspection.rows or not regions:
        return ImportOutcome(ImportStatus.EMPTY, inspection, WriteResult(elsewhere=inspection.rows))
    if len(regions) > 1:
        advice = "Amazon makes no such report: import the files as Amazon made them, one for each region."
        return ImportOutcome(
            ImportStatus.REFUSED, inspection, why_not="the file holds stores of more than one of Amazon's regions", advice=advice
        )
    return _stored(_File(chunks, options, inspection, regions[0]), tenant=tenant, actor=actor, at=at)


def may_leave_out_rows(inspection: Inspection, *, allowed: bool = True) -> bool:
    """Return whether the readable rows may be stored without the refused ones: never for settlements, whose lines must add up."""
    only_rows = inspection.rows_refused_count > 0 and inspection.rows > 0 and "rows can't be read" in inspection.why_not
    return allowed and only_rows and inspection.report_type is not ReportType.SETTLEMENT_V2


def regions_of(inspection: Inspection) -> tuple[Region, ...]:
    """Return the regions of a report's stores. A settlement may name none (fees alone); then its currency tells."""
    found = {by_code(code).region for code in inspection.marketplaces}
    if not found and inspection.report_type is ReportType.SETTLEMENT_V2:
        found = {store.region for store in MARKETPLACES.values() if store.currency in inspection.currencies}
    return tuple(sorted(found))


def _stored(file: _File, *, tenant: UUID, actor: str, at: datetime) -> ImportOutcome:
    """Store the file in one transaction, and turn what may go wrong in it into words that hold none of the file's."""
    try:
        with tenant_scope(tenant):
            return _store(file, tenant=tenant, actor=actor, at=at)
    except ReportRefusedError as error:
        why, advice = error.reason, error.advice
    except ConnectionClosedError:
        why, advice = "the connection that it belongs to was ended at this moment", _AGAIN
    except (psycopg.DataError, psycopg.IntegrityError):
        why, advice = "a number in it is outside of anything that can be stored", "Download the report again and don't change it."
    except (psycopg.OperationalError, OperationalError):
        why, advice = "the database was too busy, or took too long over this file", f"{_AGAIN} Ask Seller Central for a shorter period."
    return ImportOutcome(ImportStatus.REFUSED, file.inspection, region=file.region, why_not=why, advice=advice)


def _store(file: _File, *, tenant: UUID, actor: str, at: datetime) -> ImportOutcome:
    bulk = Bulk(tenant)
    for name, limit in _PATIENCE:
        bulk.run("select set_config(%(name)s, %(limit)s, true)", name=name, limit=limit)
    renew_ticket(timedelta(minutes=10))
    bulk.lock(IMPORT_LOCK)
    connection = lock_shared(connection_for_files(file.region, tenant=tenant, at=at))
    done = ImportOutcome(ImportStatus.IMPORTED, file.inspection, region=file.region)
    known = _recorded_at(bulk, file.inspection, connection.id)
    _refuse_while_erasing(bulk)
    stream = stream_report(file.chunks, replace(file.options, as_tuples=True))
    updates = _Updates()
    written, source_key = _write(stream, connection, updates=updates, tenant=tenant, at=at)
    if stream.require_inspection().sha256 != file.inspection.sha256:
        raise ReportRefusedError("the file changed while it was being read", "Import it again when nothing else writes to it.")
    if known and not written.rows and not written.replaced:
        transaction.set_rollback(True)
        return replace(done, status=ImportStatus.ALREADY, since=known)
    done = replace(done, written=written)
    report_unclassified(file.inspection.unclassified, source="settlement", stored=written.rows > 0)
    if written.skipped >= file.inspection.rows:
        transaction.set_rollback(True)
        return replace(done, status=ImportStatus.EMPTY)
    document = _describe(stream, written, source_key, updates)
    identity = record_document(document, tenant=tenant, connection=connection.id, at=at)
    details: dict[str, str | int | bool | None] = {
        "type": document.report_type,
        "rows": document.rows_kept,
        "skipped": document.rows_skipped,
        "sha256": document.sha256,
    }
    record(Tag.IMPORT_RECORDED, actor=actor, tenant=tenant, subject=f"document:{identity}", at=at, details=details)
    return replace(done, document=identity)


def _refuse_while_erasing(bulk: Bulk) -> None:
    """Refuse while facts of an ended connection still stand: orders among them would count as there already, and then be erased."""
    [(erasing,)] = bulk.rows(
        """
        with ended as materialized (select connection_id from connections_disconnection where tenant_id = %(tenant)s)
        select exists (select from ended) and (
            exists (select from ingest_order_line where tenant_id = %(tenant)s and connection_id in (select connection_id from ended))
            or exists (select from ingest_ledger_line where tenant_id = %(tenant)s and connection_id in (select connection_id from ended)))
        """
    )
    if erasing:
        why = "the data of a connection that was ended is still being erased"
        raise ReportRefusedError(why, "Import the file again when the certificate of its erasure is there, in a few minutes.")


def _recorded_at(bulk: Bulk, inspection: Inspection, connection: UUID) -> datetime | None:
    """Return when this very content became facts of this connection, however it came."""
    found = bulk.rows(
        "select min(recorded_at) from ingest_document where tenant_id = %(tenant)s and content_sha256 = %(sha256)s"
        " and connection_id = %(connection)s",
        sha256=bytes.fromhex(inspection.sha256),
        connection=connection,
    )
    since: datetime | None = found[0][0]
    return since


def _write(stream: ReportStream, connection: ConnectionView, *, updates: _Updates, tenant: UUID, at: datetime) -> tuple[WriteResult, str]:
    """Write the rows as they are decoded; return what that did, and the name under which the document is recorded."""
    batches: Iterator[list[Any]] = stream.batches()
    if stream.report_type is ReportType.SETTLEMENT_V2:
        lines = list(chain.from_iterable(batches))
        if stream.summary is None:
            raise ReportRefusedError("the file holds no settlement")
        written = write_settlement(
            stream.summary, lines, tenant=tenant, connection=connection.id, marketplace_ids=connection.marketplace_ids, at=at
        )
        return written, stream.summary.settlement_id
    if stream.report_type is ReportType.SALES_AND_TRAFFIC:
        written = write_traffic(chain.from_iterable(batches), tenant=tenant, connection=connection.id, at=at)
    else:
        written = write_orders(updates.seen(batches), tenant=tenant, connection=connection.id, at=at)
    return written, stream.require_inspection().sha256


class _Updates:
    """Notes when the orders of a file were last updated, while its rows go by."""

    def __init__(self) -> None:
        self._first: datetime | None = None

    def seen(self, batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Yield the batches as they are."""
        for batch in batches:
            stamps = [row[_UPDATED] for row in batch]
            if stamps:
                self._first = min([*stamps, self._first] if self._first else stamps)
            yield batch

    def begin(self, first_bought: datetime) -> datetime:
        """Return from when on a file of updated orders holds all orders, not only the few of before that changed in its period."""
        if self._first is None or self._first - first_bought <= _SOON_UPDATED:
            return first_bought
        return self._first


def _describe(stream: ReportStream, written: WriteResult, source_key: str, updates: _Updates) -> Document:
    inspection = stream.require_inspection()
    first, last = _covers(stream, inspection)
    if inspection.report_type is ReportType.ALL_ORDERS_BY_LAST_UPDATE:
        first = min(updates.begin(min(first, last)), last)
    return document_of(
        inspection,
        written,
        origin=DocumentOrigin.IMPORTED,
        source_key=source_key,
        marketplace_ids=[by_code(code).id for code in inspection.marketplaces],
        covers_from=min(first, last),
        covers_until=max(first, last),
    )


def _covers(stream: ReportStream, inspection: Inspection) -> tuple[datetime, datetime]:
    """Return the first and the last instant that the report speaks of."""
    if stream.summary is not None:
        return stream.summary.starts_at, stream.summary.ends_at
    if inspection.period.first and inspection.period.last:
        return inspection.period.first, inspection.period.last
    instants: list[datetime] = []
    for code, (first, last) in inspection.period.days.items():
        zone = by_code(code).zone
        instants.append(datetime.combine(first, time(), zone).astimezone(UTC))
        instants.append(datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC) - timedelta(microseconds=1))
    return min(instants), max(instants)


def imported_documents(*, tenant: UUID, limit: int = 50) -> tuple[tuple[ImportedDocument, ...], int]:
    """Return the newest imports of `tenant`, and how many there are."""
    with tenant_scope(tenant):
        rows = Bulk(tenant).rows(
            "select report_type, marketplace_ids, covers_from, covers_until, rows_kept, rows_skipped,"
            " left(encode(content_sha256, 'hex'), 12), recorded_at, count(*) over ()"
            " from ingest_document where tenant_id = %(tenant)s and origin = 'imported'"
            " order by recorded_at desc, id desc limit %(most)s",
            most=limit,
        )
    documents = tuple(ImportedDocument(row[0], tuple(row[1]), *row[2:8]) for row in rows)
    return documents, rows[0][8] if rows else 0
