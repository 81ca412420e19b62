"""Settlement stream: pull settlement reports as Amazon creates them.

Amazon makes settlement reports by itself, so they are listed, then fetched one by one, and each is
written whole.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.decoders.reports_api import decode_reports
from theseller.amazon.errors import ExpiredError, InvalidRequestError, NotFoundError
from theseller.amazon.reports import ReportRefusedError, ReportType, read_report
from theseller.ingest.facts.history_windows import format_instant
from theseller.ingest.facts.ledger_writer import write_settlement
from theseller.ingest.facts.source_documents import document_of, record_document
from theseller.ingest.facts.unknown_label_alert import report_unclassified
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance, DocumentOrigin, Outcome
from theseller.lib.marketplaces import by_code

REPORT_TYPE = ReportType.SETTLEMENT_V2
#: Amazon keeps these reports for 90 days.
KEPT = timedelta(days=89)
EVERY = timedelta(hours=6)
#: A settlement that can't be read is tried again with each new list, this often.
_TRIES = 5


# every stream starts by the same signature
def start(at: datetime) -> tuple[dict[str, Any], int]:  # noqa: ARG001
    """Return the first cursor and the number of steps."""
    return {"listed": False, "token": None, "queue": [], "done": {}, "failed": {}}, 1


def run_step(step: SyncStep) -> None:
    """List, or fetch and write one settlement."""
    cursor = {**step.lease.cursor}
    if not cursor["listed"]:
        _list(step, cursor)
    elif cursor["queue"]:
        _fetch(step, cursor)
    else:
        _list(step, {**cursor, "listed": False})


def _list(step: SyncStep, cursor: dict[str, Any]) -> None:
    if cursor["token"]:
        params: dict[str, Any] = {"nextToken": cursor["token"]}
    else:
        params = {
            "reportTypes": [REPORT_TYPE.value],
            "processingStatuses": ["DONE"],
            "createdSince": step.at - KEPT,
            "pageSize": 100,
        }
    try:
        page = decode_reports(step.call("getReports", params=params))
    except (ExpiredError, InvalidRequestError):
        if not cursor["token"]:
            raise
        step.commit(Advance(due_at=step.at, cursor={**cursor, "token": None}))
        return
    step.note_unknown_fields("getReports", page.drift)
    oldest = format_instant(step.at - KEPT - timedelta(days=2))
    done = {report: at for report, at in cursor["done"].items() if at >= oldest}
    queued = {entry[0] for entry in cursor["queue"]}
    fresh = [
        [report.report_id, report.report_document_id, format_instant(report.created_time)]
        for report in page.reports
        if report.report_document_id
        and report.report_id not in done
        and report.report_id not in queued
        and cursor["failed"].get(report.report_id, 0) < _TRIES
    ]
    cursor = {
        **cursor,
        "done": done,
        "queue": [*cursor["queue"], *fresh],
        "token": page.next_token,
        "listed": page.next_token is None,
    }
    step.commit(_go_on(step, cursor))


def _fetch(step: SyncStep, cursor: dict[str, Any]) -> None:
    report_id, document_id, created = cursor["queue"][0]
    rest = {**cursor, "queue": cursor["queue"][1:]}
    try:
        document = step.download(document_id)
        report = read_report(
            document.pieces, expected=REPORT_TYPE, rows_as_tuples=True, declared=document.charset
        )
    except (ReportRefusedError, NotFoundError):
        failed = {**cursor["failed"], report_id: cursor["failed"].get(report_id, 0) + 1}
        step.commit(_go_on(step, {**rest, "failed": failed}, Outcome.REFUSED))
        return
    summary = report.summary
    if summary is None:  # A settlement without a summary is refused above.
        raise RuntimeError("a settlement was read without its summary")

    def write() -> None:
        stores = step.view.marketplace_ids
        done = write_settlement(
            summary,
            report.rows(),
            tenant=step.tenant,
            connection=step.connection,
            marketplace_ids=stores,
            at=step.at,
        )
        report_unclassified(
            report.inspection.unclassified, source="settlement", stored=done.rows > 0
        )
        # A settlement covers the stores that it names. For others it must not exclude transactions
        # of Finances.
        named = [by_code(code).id for code in report.inspection.marketplaces]
        document = document_of(
            report.inspection,
            done,
            origin=DocumentOrigin.PULLED,
            source_key=summary.settlement_id,
            marketplace_ids=named,
            covers_from=summary.starts_at,
            covers_until=summary.ends_at,
        )
        record_document(document, tenant=step.tenant, connection=step.connection, at=step.at)

    step.commit(_go_on(step, {**rest, "done": {**cursor["done"], report_id: created}}), write)


def _go_on(step: SyncStep, cursor: dict[str, Any], outcome: Outcome = Outcome.OK) -> Advance:
    more = cursor["queue"] or not cursor["listed"]
    done = len(cursor["done"]) + 1
    return Advance(
        due_at=step.at if more else step.at + EVERY,
        cursor=cursor,
        work_done=done,
        work_total=done + len(cursor["queue"]),
        fresh_until=None if more else step.at,
        outcome=outcome,
    )
