"""Order history stream, by all-orders reports.

It requests the report of a time window, waits until Amazon has made it, downloads and writes it;
several windows at a time. A request is recorded before it is sent, and its answer afterwards: a
worker that is killed in between searches for its report among Amazon's before it requests another.

The cursor: `anchor`, where the newest window ends; `pending`, the windows not yet written; `open`,
their reports; `asking`, the one being requested; `parked`, windows that must wait; `round`, how
many times the newest windows were read again; `store`, which of the connection's stores is named to
Amazon.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.decoders.reports_api import (
    ReportState,
    decode_created_report,
    decode_report,
    decode_reports,
)
from theseller.amazon.errors import (
    AccountBlockedError,
    ExpiredError,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    RoleMissingError,
    ThrottledError,
)
from theseller.amazon.reports import Options, ReportRefusedError, ReportType, stream_report
from theseller.amazon.spapi_client import Value
from theseller.ingest.facts.history_windows import (
    HISTORY_WINDOWS,
    Window,
    format_instant,
    parse_instant,
    whole_second,
    window,
)
from theseller.ingest.facts.source_documents import document_of, record_document
from theseller.ingest.facts.write_orders import write_orders
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance, DocumentOrigin, Outcome

REPORT_TYPE = ReportType.ALL_ORDERS_BY_LAST_UPDATE
#: Reports that Amazon makes for us at the same time.
IN_FLIGHT = 4
#: CANCELLED means "no data" or "asked too often". Asked again after this long, it can only mean "no
#: data".
COOL_DOWN = timedelta(minutes=5)
#: After the whole history: two windows again, once a week, in case anything was ever missed.
REREAD_EVERY, REREAD_WINDOWS = timedelta(days=7), 2
_LONGEST_WAIT = timedelta(hours=6)
#: Amazon certainly made no report.
NOT_MADE = (
    ThrottledError,
    RoleMissingError,
    InvalidRequestError,
    AccountBlockedError,
    NotAllowedError,
)


def start(at: datetime) -> tuple[dict[str, Any], int]:
    """Return the first cursor and the number of time windows."""
    return _round(at, HISTORY_WINDOWS, 0), HISTORY_WINDOWS


def _round(at: datetime, windows: int, number: int) -> dict[str, Any]:
    anchor = format_instant(whole_second(at))
    return {
        "anchor": anchor,
        "pending": list(range(windows)),
        "open": {},
        "asking": None,
        "parked": {},
        "store": 0,
        "round": number,
    }


def run_step(step: SyncStep) -> None:
    """Do the next thing that can be done.

    Find a lost report, check one that is due, request another, or wait.
    """
    cursor = {
        **step.lease.cursor,
        "open": dict(step.lease.cursor["open"]),
        "parked": dict(step.lease.cursor["parked"]),
    }
    if not cursor["pending"]:
        cursor = _round(step.at, REREAD_WINDOWS, cursor["round"] + 1) | {"store": cursor["store"]}
    if cursor["asking"] is not None:
        _find(step, cursor)
    elif (ripe := _ripe(step, cursor)) is not None:
        _look_after(step, cursor, ripe)
    elif (index := next(_askable(step, cursor), None)) is not None:
        _ask(step, cursor, index)
    else:
        step.commit(_go_on(step, cursor))


def _ripe(step: SyncStep, cursor: dict[str, Any]) -> str | None:
    ready = [
        index
        for index, report in cursor["open"].items()
        if parse_instant(report["look"]) <= step.at
    ]
    return min(ready, key=lambda index: cursor["open"][index]["look"], default=None)


def _askable(step: SyncStep, cursor: dict[str, Any]) -> Iterator[int]:
    if len(cursor["open"]) >= IN_FLIGHT:
        return
    for index in cursor["pending"]:
        parked = cursor["parked"].get(str(index))
        if str(index) not in cursor["open"] and (
            parked is None or parse_instant(parked["until"]) <= step.at
        ):
            yield index


def _window(cursor: dict[str, Any], index: int | str) -> Window:
    return window(parse_instant(cursor["anchor"]), int(index))


def _ask(step: SyncStep, cursor: dict[str, Any], index: int) -> None:
    step.pay("createReport")
    step.commit(
        Advance(
            due_at=step.at,
            cursor={
                **cursor,
                "asking": {
                    "window": index,
                    "since": format_instant(step.at - timedelta(minutes=5)),
                },
            },
        )
    )
    span = _window(cursor, index)
    stores = step.view.marketplace_ids
    body = {
        "reportType": REPORT_TYPE.value,
        # This report covers the whole region, whichever store is named; but a store where the
        # seller has no account is denied.
        "marketplaceIds": [stores[cursor["store"]]],
        "dataStartTime": format_instant(span.start),
        "dataEndTime": format_instant(span.end),
    }
    try:
        report_id = decode_created_report(step.call("createReport", body=body, paid=True))
    except RoleMissingError:
        if cursor["store"] + 1 >= len(stores):
            step.commit(Advance(due_at=step.at, cursor={**cursor, "store": 0}))
            raise
        step.commit(Advance(due_at=step.at, cursor={**cursor, "store": cursor["store"] + 1}))
        return
    except NOT_MADE:
        step.commit(Advance(due_at=step.at, cursor=cursor))
        raise
    _adopt(step, cursor, index, report_id)


def _adopt(step: SyncStep, cursor: dict[str, Any], index: int, report_id: str) -> None:
    cursor["open"][str(index)] = {
        "id": report_id,
        "look": format_instant(step.now() + timedelta(seconds=1)),
        "looks": 0,
    }
    step.commit(_go_on(step, {**cursor, "asking": None}))


def _find(step: SyncStep, cursor: dict[str, Any]) -> None:
    """Search Amazon's reports for the one that was being requested.

    This is after an interruption of the stream. A report of the same window is used.
    """
    asking = cursor["asking"]
    span = _window(cursor, asking["window"])
    known = {report["id"] for report in cursor["open"].values()}
    params: dict[str, Value] = {
        "reportTypes": [REPORT_TYPE.value],
        "createdSince": parse_instant(asking["since"]),
        "pageSize": 100,
    }
    page = decode_reports(step.call("getReports", params=params))
    step.note_unknown_fields("getReports", page.drift)
    for report in page.reports:
        ours = (report.data_start_time, report.data_end_time) == (span.start, span.end)
        if (
            ours
            and report.report_id not in known
            and report.processing_status in {"IN_QUEUE", "IN_PROGRESS", "DONE"}
        ):
            _adopt(step, cursor, asking["window"], report.report_id)
            return
    step.commit(Advance(due_at=step.at, cursor={**cursor, "asking": None}))


def _look_after(step: SyncStep, cursor: dict[str, Any], index: str) -> None:
    entry = cursor["open"][index]
    try:
        report = decode_report(step.call("getReport", path={"reportId": entry["id"]}))
    except (NotFoundError, ExpiredError):  # Amazon deletes reports after 90 days. Ask again.
        del cursor["open"][index]
        step.commit(_go_on(step, cursor))
        return
    if report.processing_status == "DONE" and report.report_document_id:
        _fetch(step, cursor, index, report)
    elif (
        report.processing_status == "CANCELLED"
        and cursor["parked"].get(index, {}).get("why") == "cancelled"
    ):
        _finish(step, cursor, index)
    elif report.processing_status in {"CANCELLED", "FATAL", "DONE"}:
        _park(
            step, cursor, index, "cancelled" if report.processing_status == "CANCELLED" else "fatal"
        )
    else:
        wait = timedelta(seconds=min(2 + 2 * entry["looks"], 30))
        cursor["open"][index] = {
            **entry,
            "look": format_instant(step.now() + wait),
            "looks": entry["looks"] + 1,
        }
        step.commit(_go_on(step, cursor))


def _park(step: SyncStep, cursor: dict[str, Any], index: str, why: str) -> None:
    """Let a window wait while the others continue.

    Five minutes after a cancellation, ever longer after failures.
    """
    former = cursor["parked"].get(index, {})
    tries = former.get("tries", 0) + 1
    wait = (
        COOL_DOWN
        if why == "cancelled"
        else min(timedelta(minutes=1) * 2 ** min(tries - 1, 10), _LONGEST_WAIT)
    )
    cursor["parked"][index] = {
        "until": format_instant(step.now() + wait),
        "tries": tries,
        "why": why,
    }
    cursor["open"].pop(index, None)
    step.commit(_go_on(step, cursor, Outcome.REPORT_FAILED if why == "fatal" else Outcome.WAITING))


def _fetch(step: SyncStep, cursor: dict[str, Any], index: str, report: ReportState) -> None:
    """Download the document and write it in one transaction.

    Its facts, its record and the cursor.
    """
    span = _window(cursor, index)
    served = step.download(report.report_document_id or "")

    def write() -> None:
        options = Options(expected=REPORT_TYPE, as_tuples=True, declared=served.charset)
        stream = stream_report(served.pieces, options)
        done = write_orders(
            stream.batches(), tenant=step.tenant, connection=step.connection, at=step.at
        )
        inspection = stream.require_inspection()
        document = document_of(
            inspection,
            done,
            origin=DocumentOrigin.PULLED,
            source_key=f"report:{report.report_id}",
            marketplace_ids=step.view.marketplace_ids,
            covers_from=span.start,
            covers_until=span.end,
        )
        record_document(document, tenant=step.tenant, connection=step.connection, at=step.at)
        step.note_unknown_fields(
            "all_orders_report",
            tuple(
                f"column.{c.name}"
                for c in inspection.columns_dropped
                if c.reason == "unknown to this version"
            ),
        )

    try:
        _finish(step, cursor, index, write)
    except ReportRefusedError:
        _park(step, step.lease.cursor, index, "fatal")


def _finish(
    step: SyncStep,
    cursor: dict[str, Any],
    index: str,
    write: Any = None,  # a procedure or none  # noqa: ANN401
) -> None:
    """Mark a window as done.

    `step.lease` keeps the old cursor until the commit has happened.
    """
    after = {
        **cursor,
        "open": {key: value for key, value in cursor["open"].items() if key != index},
        "parked": {key: value for key, value in cursor["parked"].items() if key != index},
        "pending": [number for number in cursor["pending"] if str(number) != index],
    }
    step.commit(_go_on(step, after), write)


def _go_on(step: SyncStep, cursor: dict[str, Any], outcome: Outcome | None = None) -> Advance:
    """Return when there is something to do again, and the progress.

    A later round changes no progress.
    """
    at = step.now()
    first = cursor["round"] == 0
    if cursor["asking"] is not None or next(_askable(step, cursor), None) is not None:
        due = at
    else:
        waits = [parse_instant(report["look"]) for report in cursor["open"].values()]
        if len(cursor["open"]) < IN_FLIGHT:
            waits += [
                parse_instant(entry["until"])
                for index, entry in cursor["parked"].items()
                if index not in cursor["open"]
            ]
        due = min(waits) if cursor["pending"] and waits else at + REREAD_EVERY
    return Advance(
        due_at=due,
        cursor=cursor,
        work_done=HISTORY_WINDOWS - len(cursor["pending"]) if first else None,
        work_total=HISTORY_WINDOWS if first else None,
        fresh_until=None if 0 in cursor["pending"] else parse_instant(cursor["anchor"]),
        outcome=outcome or (Outcome.WAITING if cursor["pending"] and due > at else Outcome.OK),
    )
