"""Import of report files.

A file is checked as a whole first, then stored in one transaction or not at all. The bytes are kept
in memory by the caller and read twice: once to inspect, once to store. They are not written
anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import msgspec
import psycopg
from django.db import OperationalError, connections, transaction

from theseller.amazon.reports import (
    Chunks,
    Inspection,
    Options,
    ReportRefusedError,
    ReportType,
    inspect_report,
    must_add_up,
    stream_report,
)
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.connection_locks import ConnectionClosedError, lock_shared
from theseller.connections.operations import connection_for_files
from theseller.ingest.facts.advisory_lock_numbers import IMPORT_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.source_documents import document_of, record_document
from theseller.ingest.facts.unknown_label_alert import report_unclassified
from theseller.ingest.imports.stated_stores import stores_to_state
from theseller.ingest.imports.types import ImportedDocument, ImportOutcome, ImportStatus
from theseller.ingest.report_handlers.registry import handler_of
from theseller.ingest.report_handlers.types import ReportHandler, Target
from theseller.ingest.types import DocumentOrigin, WriteResult
from theseller.lib.marketplaces import Region, by_code
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.postgres.answering_connection import allow_long_answers
from theseller.tenancy.tenant_scope import renew_ticket, tenant_scope

#: The web's own limits are a page's; a large file takes longer, and so must the ticket.
_PATIENCE = (
    ("statement_timeout", "10min"),
    ("lock_timeout", "60s"),
    ("idle_in_transaction_session_timeout", "5min"),
)
_ANSWER_SECONDS = 630.0
_AGAIN = "Nothing was stored. Import the file again in a minute."


@dataclass(frozen=True, slots=True)
class _File:
    """A file that passed its inspection, on its way into `region`."""

    chunks: Chunks
    options: Options
    inspection: Inspection
    handler: ReportHandler
    region: Region


def import_report(
    chunks: Chunks, options: Options, *, tenant: UUID, actor: str, at: datetime
) -> ImportOutcome:
    """Check a report file and store it whole.

    It is stored in the open connection of its region; one without a token is created where there is
    none. `chunks` must be replayable: a list, or a callable that reopens the source. The same
    content again changes nothing. What is wrong with the file is an outcome, not an error.
    """
    inspection = inspect_report(
        chunks,
        filename=options.filename,
        encoding=options.encoding,
        expected=options.expected,
        limits=options.limits,
        stated=options.stated,
    )
    inspection = _of_own_store(inspection, options, tenant)
    if inspection.report_type is None or not (
        inspection.importable or may_leave_out_rows(inspection, allowed=options.allow_refused_rows)
    ):
        return ImportOutcome(
            ImportStatus.REFUSED, inspection, why_not=inspection.why_not, advice=inspection.advice
        )
    handler = handler_of(inspection.report_type)
    regions = handler.regions(inspection)
    if not inspection.rows or not regions:
        return ImportOutcome(ImportStatus.EMPTY, inspection, WriteResult(elsewhere=inspection.rows))
    if len(regions) > 1:
        advice = gettext_noop("Import the files as downloaded from Amazon, one for each region.")
        return ImportOutcome(
            ImportStatus.REFUSED,
            inspection,
            why_not=gettext_noop("the file holds stores of more than one of Amazon's regions"),
            advice=advice,
        )
    return _stored(
        _File(chunks, options, inspection, handler, *regions), tenant=tenant, actor=actor, at=at
    )


def _of_own_store(inspection: Inspection, options: Options, tenant: UUID) -> Inspection:
    """Refuse a store that was stated for a file and is none of the shop's."""
    store = options.stated.marketplace
    if store is None or not inspection.stores_possible:  # The file itself names its store.
        return inspection
    stores = stores_to_state(tenant=tenant)
    if store in stores:
        return inspection
    return msgspec.structs.replace(
        inspection,
        importable=False,
        why_not=marked(
            gettext_noop("this shop has no data of %(store)s"), store=store.sales_channel
        ),
        advice=marked(
            gettext_noop(
                "Choose one of its stores (%(stores)s), or import orders or a settlement of that"
                " store before."
            ),
            stores=", ".join(one.sales_channel for one in stores),
        ),
    )


def may_leave_out_rows(inspection: Inspection, *, allowed: bool = True) -> bool:
    """Return whether readable rows may be stored without refused ones.

    Never for settlements, whose lines must add up.
    """
    only_rows = (
        inspection.rows_refused_count > 0
        and inspection.rows > 0
        and "rows can't be read" in inspection.why_not
    )
    return allowed and only_rows and not must_add_up(inspection.report_type)


def _stored(file: _File, *, tenant: UUID, actor: str, at: datetime) -> ImportOutcome:
    """Store the file in one transaction.

    Errors become messages that do not contain the file's content.
    """
    try:
        with tenant_scope(tenant):
            return _store(file, tenant=tenant, actor=actor, at=at)
    except ReportRefusedError as error:
        why, advice = error.reason, error.advice
    except ConnectionClosedError:
        why, advice = (
            gettext_noop("the connection that it belongs to has just been disconnected"),
            _AGAIN,
        )
    except (psycopg.DataError, psycopg.IntegrityError):
        why, advice = (
            gettext_noop("a number in it is out of range"),
            gettext_noop("Download the report again and don't change it."),
        )
    except (psycopg.OperationalError, OperationalError):
        why, advice = (
            gettext_noop("the database was busy or took too long to store this file"),
            marked(
                gettext_noop(
                    "%(again)s If that fails, request a report for a shorter period in Seller"
                    " Central."
                ),
                again=marked(_AGAIN),
            ),
        )
    return ImportOutcome(
        ImportStatus.REFUSED, file.inspection, region=file.region, why_not=why, advice=advice
    )


def _store(file: _File, *, tenant: UUID, actor: str, at: datetime) -> ImportOutcome:
    bulk = Bulk(tenant)
    allow_long_answers(connections["default"].connection, _ANSWER_SECONDS)
    for name, limit in _PATIENCE:
        bulk.run("select set_config(%(name)s, %(limit)s, true)", name=name, limit=limit)
    renew_ticket(timedelta(minutes=10))
    bulk.lock(IMPORT_LOCK)
    connection = lock_shared(connection_for_files(file.region, tenant=tenant, at=at))
    done = ImportOutcome(ImportStatus.IMPORTED, file.inspection, region=file.region)
    known = _recorded_at(bulk, file.inspection, connection.id)
    _refuse_while_erasing(bulk)
    stream = stream_report(file.chunks, replace(file.options, as_tuples=True))
    target = Target(tenant, connection.id, connection.marketplace_ids, at)
    stored = file.handler.write(stream, target)
    written = stored.result
    if stream.require_inspection().sha256 != file.inspection.sha256:
        raise ReportRefusedError(
            "the file changed while it was being read",
            "Close other programs that use it, then import it again.",
        )
    if known and not written.rows and not written.replaced and not written.totals:
        transaction.set_rollback(True)
        return replace(done, status=ImportStatus.ALREADY, since=known)
    done = replace(done, written=written)
    report_unclassified(
        file.inspection.unclassified,
        source=(
            "transaction_report"
            if file.inspection.report_type is ReportType.TRANSACTIONS
            else "settlement"
        ),
        stored=written.rows > 0,
    )
    if written.skipped >= file.inspection.rows:
        transaction.set_rollback(True)
        return replace(done, status=ImportStatus.EMPTY)
    inspection = stream.require_inspection()
    document = document_of(
        inspection,
        written,
        origin=DocumentOrigin.IMPORTED,
        source_key=stored.source_key,
        marketplace_ids=[by_code(code).id for code in inspection.marketplaces],
        covers_from=stored.covers_from,
        covers_until=stored.covers_until,
    )
    identity = record_document(document, tenant=tenant, connection=connection.id, at=at)
    details: dict[str, str | int | bool | None] = {
        "type": document.report_type,
        "rows": document.rows_kept,
        "skipped": document.rows_skipped,
        "sha256": document.sha256,
    }
    record(
        Tag.IMPORT_RECORDED,
        actor=actor,
        tenant=tenant,
        subject=f"document:{identity}",
        at=at,
        details=details,
    )
    return replace(done, document=identity)


def _refuse_while_erasing(bulk: Bulk) -> None:
    """Refuse while facts of a disconnected connection are stored.

    The file's orders would count as known, then be erased.
    """
    [(erasing,)] = bulk.rows("""
        with ended as materialized (select connection_id from connections_disconnection
            where tenant_id = %(tenant)s)
        select exists (select from ended) and (
            exists (select from ingest_order_line where tenant_id = %(tenant)s
                and connection_id in (select connection_id from ended))
            or exists (select from ingest_ledger_line where tenant_id = %(tenant)s
                and connection_id in (select connection_id from ended))
            or exists (select from ingest_return where tenant_id = %(tenant)s
                and connection_id in (select connection_id from ended)))
        """)
    if erasing:
        why = "the data of a disconnected connection is still being erased"
        raise ReportRefusedError(
            why,
            "Import the file again after its erasure certificate has been issued, in a few"
            " minutes.",
        )


def _recorded_at(bulk: Bulk, inspection: Inspection, connection: UUID) -> datetime | None:
    """Return when this content became facts of this connection, or None.

    Whether it was imported or pulled does not matter.
    """
    found = bulk.rows(
        "select min(recorded_at) from ingest_document where tenant_id = %(tenant)s and"
        " content_sha256 = %(sha256)s and connection_id = %(connection)s",
        sha256=bytes.fromhex(inspection.sha256),
        connection=connection,
    )
    [(since,)] = found
    return cast("datetime | None", since)


def imported_documents(
    *, tenant: UUID, limit: int = 50
) -> tuple[tuple[ImportedDocument, ...], int]:
    """Return the newest imports of `tenant`, and how many there are."""
    with tenant_scope(tenant):
        rows = Bulk(tenant).rows(
            "select report_type, marketplace_ids, covers_from, covers_until, rows_kept,"
            " rows_skipped, left(encode(content_sha256, 'hex'), 12), recorded_at, count(*) over ()"
            " from ingest_document where tenant_id = %(tenant)s and origin = 'imported' order by"
            " recorded_at desc, id desc limit %(most)s",
            most=limit,
        )
    documents = tuple(
        ImportedDocument(report_type, tuple(stores), *rest)
        for report_type, stores, *rest, _ in rows
    )
    count = rows[0][-1] if rows else 0
    return documents, count
