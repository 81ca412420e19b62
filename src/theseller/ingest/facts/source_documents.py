"""Records of the documents that became facts.

Type, period, hash and counts; the bytes of documents are not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from theseller.amazon.reports import Inspection
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import mark_dirty_days
from theseller.ingest.facts.store_attribution import reassign_storeless_lines
from theseller.ingest.types import DocumentOrigin, WriteResult
from theseller.lib.ids import new_id


@dataclass(frozen=True, slots=True)
class Document:
    """A document that became facts.

    `source_key` identifies it within its type: a settlement's number, a report's ID, a file's hash.
    """

    origin: DocumentOrigin
    report_type: str
    source_key: str
    sha256: str
    marketplace_ids: Sequence[str]
    covers_from: datetime
    covers_until: datetime
    rows_kept: int
    rows_skipped: int
    columns_dropped: Sequence[str]


def document_of(
    inspection: Inspection,
    written: WriteResult,
    *,
    origin: DocumentOrigin,
    source_key: str,
    **covers: Any,  # noqa: ANN401
) -> Document:  # the three named below
    """Return the record of an inspected document.

    `covers`: `marketplace_ids`, `covers_from` and `covers_until`, which the caller knows best.
    """
    return Document(
        origin=origin,
        report_type=str(inspection.report_type),
        source_key=source_key,
        sha256=inspection.sha256,
        rows_kept=inspection.rows - written.skipped,
        rows_skipped=written.skipped + inspection.rows_refused_count,
        columns_dropped=[column.name for column in inspection.columns_dropped],
        **covers,
    )


def record_document(
    document: Document, *, tenant: UUID, connection: UUID, at: datetime, using: str = "default"
) -> UUID:
    """Record a document, in the transaction that wrote its facts.

    An earlier record of the same source is replaced.

    Returns:
        The record's ID.
    """
    bulk = Bulk(tenant, using)
    [(number,)] = bulk.rows(
        """
        insert into ingest_document (tenant_id, id, connection_id, origin, report_type, source_key,
            content_sha256, marketplace_ids, covers_from, covers_until, rows_kept, rows_skipped,
            columns_dropped, recorded_at)
        values (%(tenant)s, %(id)s, %(connection)s, %(origin)s, %(report_type)s, %(source_key)s,
            %(sha256)s, %(stores)s::text[], %(covers_from)s, %(covers_until)s, %(kept)s,
            %(skipped)s, %(dropped)s::text[], %(at)s)
        on conflict (tenant_id, report_type, source_key) do update
        set connection_id = excluded.connection_id, origin = excluded.origin,
            content_sha256 = excluded.content_sha256, marketplace_ids = excluded.marketplace_ids,
            covers_from = excluded.covers_from, covers_until = excluded.covers_until,
            rows_kept = excluded.rows_kept, rows_skipped = excluded.rows_skipped,
            columns_dropped = excluded.columns_dropped,
            recorded_at = excluded.recorded_at
        returning id
        """,
        id=new_id(),
        connection=connection,
        origin=document.origin.value,
        report_type=document.report_type,
        source_key=document.source_key,
        sha256=bytes.fromhex(document.sha256),
        stores=list(document.marketplace_ids),
        covers_from=document.covers_from,
        covers_until=document.covers_until,
        kept=document.rows_kept,
        skipped=document.rows_skipped,
        dropped=list(document.columns_dropped),
        at=at,
    )
    # It may name a store that was not known before, and so decide where money of no store belongs.
    mark_dirty_days(bulk, reassign_storeless_lines(bulk), at)
    return UUID(str(number))
