"""Traffic stream of one store, by sales and traffic reports.

It requests the report of a day or a span (`traffic_tasks`), waits until Amazon has made it,
downloads and writes it. Amazon makes few of these reports a day, so that a history takes days; the
stream comes back when the next is allowed. As in `order_history`, a request is recorded before it
is sent, and a worker that is killed in between searches for its report before it requests another.

The cursor: `day`, the store's day of the last plan; `fresh`, new and restated days, and `pending`,
the history, both as tasks not yet written; `open`, their reports; `asking`, the one being
requested; `parked`, tasks that must wait; `next`, when Amazon's allowance has another report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from theseller.amazon.decoders.reports_api import (
    ReportState,
    decode_created_report,
    decode_report,
    decode_reports,
)
from theseller.amazon.errors import (
    ExpiredError,
    InvalidRequestError,
    NotFoundError,
    RoleMissingError,
    ThrottledError,
)
from theseller.amazon.reports import Options, ReportRefusedError, ReportType, stream_report
from theseller.amazon.spapi_client import Value
from theseller.ingest.facts.history_windows import format_instant, parse_instant
from theseller.ingest.facts.source_documents import document_of, record_document
from theseller.ingest.facts.traffic_writer import write_traffic
from theseller.ingest.sync.streams.order_history import NOT_MADE
from theseller.ingest.sync.streams.traffic_tasks import (
    HISTORY_REPORTS,
    Days,
    complete_until,
    days_of,
    next_planned,
    with_days_since,
)
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance, DocumentOrigin, Outcome
from theseller.lib.marketplaces import MARKETPLACES, midnight

REPORT_TYPE = ReportType.SALES_AND_TRAFFIC
#: Reports that Amazon makes for a store at the same time.
IN_FLIGHT = 3
#: CANCELLED means "no data" or "asked too often". Asked again after this long, it can only mean "no
#: data".
COOL_DOWN = timedelta(hours=1)
#: A report that Amazon can't make, or that can't be read, is requested again so many times, with
#: longer and longer waits. Then its days stay without data.
TRIES = 6
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=15), timedelta(hours=24)


# every stream starts by the same signature
def start(at: datetime) -> tuple[dict[str, Any], int]:  # noqa: ARG001
    """Return the first cursor and the number of reports.

    The first step plans the history, by the days of its store.
    """
    return {
        "day": "",
        "fresh": [],
        "pending": [],
        "open": {},
        "asking": None,
        "parked": {},
        "next": "",
    }, HISTORY_REPORTS


def run_step(step: SyncStep) -> None:
    """Do the next thing that can be done.

    Find a lost report, check one that is due, request another, or wait.
    """
    former = step.lease.cursor
    copied = {**former, "open": dict(former["open"]), "parked": dict(former["parked"])}
    cursor = with_days_since(copied, _store(step), step.at)
    if cursor["asking"] is not None:
        _find(step, cursor)
    elif (ripe := _ripe(step, cursor)) is not None:
        _look_after(step, cursor, ripe)
    elif _is_allowed(step, cursor) and (task := next(_askable(step, cursor), None)) is not None:
        _ask(step, cursor, task)
    else:
        step.commit(_go_on(step, cursor))


def _store(step: SyncStep) -> str:
    return step.lease.key.marketplace_id


def _ripe(step: SyncStep, cursor: dict[str, Any]) -> str | None:
    ready = [
        task for task, report in cursor["open"].items() if parse_instant(report["look"]) <= step.at
    ]
    return min(ready, key=lambda task: cursor["open"][task]["look"], default=None)


def _is_allowed(step: SyncStep, cursor: dict[str, Any]) -> bool:
    return not cursor["next"] or parse_instant(cursor["next"]) <= step.at


def _askable(step: SyncStep, cursor: dict[str, Any]) -> Iterator[str]:
    if len(cursor["open"]) >= IN_FLIGHT:
        return
    for task in (*cursor["fresh"], *cursor["pending"]):
        parked = cursor["parked"].get(task)
        if task not in cursor["open"] and (
            parked is None or parse_instant(parked["until"]) <= step.at
        ):
            yield task


def _period(task: str) -> tuple[datetime, datetime]:
    """Return the two ends of a request.

    Of these instants, Amazon uses the dates.
    """
    first, last = (f"{day}T00:00:00Z" for day in days_of(task))
    return parse_instant(first), parse_instant(last) + timedelta(days=1, seconds=-1)


def _ask(step: SyncStep, cursor: dict[str, Any], task: str) -> None:
    try:
        step.pay_report(REPORT_TYPE.value)
    except ThrottledError as error:
        later = format_instant(error.not_before + timedelta(seconds=1))
        step.commit(_go_on(step, {**cursor, "next": later}))
        return
    step.pay("createReport")
    since = format_instant(step.at - timedelta(minutes=5))
    asking = {"task": task, "since": since}
    step.commit(Advance(due_at=step.at, cursor={**cursor, "asking": asking}))
    begin, end = _period(task)
    body = {
        "reportType": REPORT_TYPE.value,
        "marketplaceIds": [_store(step)],
        "dataStartTime": format_instant(begin),
        "dataEndTime": format_instant(end),
        # Only the products of a single day are read.
        "reportOptions": {
            "dateGranularity": "DAY",
            "asinGranularity": "CHILD" if days_of(task).is_one else "PARENT",
        },
    }
    try:
        report_id = decode_created_report(step.call("createReport", body=body, paid=True))
    except InvalidRequestError:  # Of this report: the others go on.
        _park(step, cursor, task, "fatal")
        return
    except NOT_MADE as error:
        if isinstance(error, RoleMissingError):  # Another store of the seller may have the role.
            step.give_report_back(REPORT_TYPE.value)
        step.commit(Advance(due_at=step.at, cursor=cursor))
        raise
    _adopt(step, cursor, task, report_id)


def _adopt(step: SyncStep, cursor: dict[str, Any], task: str, report_id: str) -> None:
    look = format_instant(step.now() + timedelta(seconds=1))
    cursor["open"][task] = {"id": report_id, "look": look, "looks": 0}
    step.commit(_go_on(step, {**cursor, "asking": None}))


def _find(step: SyncStep, cursor: dict[str, Any]) -> None:
    """Search Amazon's reports for the one that was being requested.

    This is after an interruption of the stream. A report of the same days is used.
    """
    asking = cursor["asking"]
    known = {report["id"] for report in cursor["open"].values()}
    params: dict[str, Value] = {
        "reportTypes": [REPORT_TYPE.value],
        "createdSince": parse_instant(asking["since"]),
        "pageSize": 100,
    }
    page = decode_reports(step.call("getReports", params=params))
    step.note_unknown_fields("getReports", page.drift)
    for report in page.reports:
        if (
            (report.data_start_time, report.data_end_time) == _period(asking["task"])
            and report.marketplace_ids == [_store(step)]
            and report.report_id not in known
            and report.processing_status in {"IN_QUEUE", "IN_PROGRESS", "DONE"}
        ):
            _adopt(step, cursor, asking["task"], report.report_id)
            return
    step.commit(Advance(due_at=step.at, cursor={**cursor, "asking": None}))


def _look_after(step: SyncStep, cursor: dict[str, Any], task: str) -> None:
    entry = cursor["open"][task]
    try:
        report = decode_report(step.call("getReport", path={"reportId": entry["id"]}))
    except (NotFoundError, ExpiredError):  # Amazon deletes reports after 90 days. Ask again.
        del cursor["open"][task]
        step.commit(_go_on(step, cursor))
        return
    status, former = report.processing_status, cursor["parked"].get(task, {})
    if status == "DONE" and report.report_document_id:
        _fetch(step, cursor, task, report)
    elif status == "CANCELLED" and former.get("why") == "cancelled":
        _finish(step, cursor, task)
    elif status in {"CANCELLED", "FATAL", "DONE"}:
        _park(step, cursor, task, "cancelled" if status == "CANCELLED" else "fatal")
    else:
        wait = timedelta(seconds=min(2 + 2 * entry["looks"], 60))
        look = format_instant(step.now() + wait)
        cursor["open"][task] = {**entry, "look": look, "looks": entry["looks"] + 1}
        step.commit(_go_on(step, cursor))


def _park(step: SyncStep, cursor: dict[str, Any], task: str, why: str) -> None:
    """Let a task wait while the others continue; end it after many failures."""
    tries = cursor["parked"].get(task, {}).get("tries", 0) + 1
    if why == "fatal" and tries >= TRIES:
        _finish(step, cursor, task)
        return
    wait = COOL_DOWN if why == "cancelled" else min(_FIRST_WAIT * 2 ** (tries - 1), _LONGEST_WAIT)
    until = format_instant(step.now() + wait)
    cursor["parked"][task] = {"until": until, "tries": tries, "why": why}
    cursor["open"].pop(task, None)
    step.commit(_go_on(step, cursor, Outcome.REPORT_FAILED if why == "fatal" else Outcome.WAITING))


def _fetch(step: SyncStep, cursor: dict[str, Any], task: str, report: ReportState) -> None:
    """Download the document and write it in one transaction.

    Its facts, its record and the cursor.
    """
    store, days = _store(step), days_of(task)
    served = step.download(report.report_document_id or "")

    def write() -> None:
        stream = stream_report(
            served.pieces, Options(expected=REPORT_TYPE, declared=served.charset)
        )
        batches: Iterator[list[Any]] = stream.batches()
        done = write_traffic(
            chain.from_iterable(batches),
            tenant=step.tenant,
            connection=step.connection,
            at=step.at,
        )
        inspection = stream.require_inspection()
        _check(inspection.period.days, store, days)
        document = document_of(
            inspection,
            done,
            origin=DocumentOrigin.PULLED,
            source_key=f"{store}:{days.first}:{days.last}",
            marketplace_ids=[store],
            covers_from=midnight(store, days.first),
            covers_until=midnight(store, days.last + timedelta(days=1)) - timedelta(microseconds=1),
        )
        record_document(document, tenant=step.tenant, connection=step.connection, at=step.at)
        step.note_unknown_fields(
            "sales_and_traffic_report",
            tuple(
                f"field.{field.name}"
                for field in inspection.columns_dropped
                if field.reason == "unknown to this version"
            ),
        )

    try:
        _finish(step, cursor, task, write)
    except ReportRefusedError:
        _park(step, cursor, task, "fatal")


def _check(found: dict[str, Any], store: str, days: Days) -> None:
    """Refuse a document of another store or of other days than were requested.

    Raises:
        ReportRefusedError: it is one.
    """
    code = MARKETPLACES[store].code
    if any(
        named != code or first < days.first or last > days.last
        for named, (first, last) in found.items()
    ):
        raise ReportRefusedError("the report is of another store or of other days than requested")


def _finish(
    step: SyncStep, cursor: dict[str, Any], task: str, write: Callable[[], None] | None = None
) -> None:
    """Mark a task as done."""
    after = {
        **cursor,
        **{
            name: {key: value for key, value in cursor[name].items() if key != task}
            for name in ("open", "parked")
        },
        **{name: [one for one in cursor[name] if one != task] for name in ("fresh", "pending")},
    }
    step.commit(_go_on(step, after), write)


def _go_on(step: SyncStep, cursor: dict[str, Any], outcome: Outcome = Outcome.WAITING) -> Advance:
    """Return when there is something to do again, and the progress."""
    at, store = step.now(), _store(step)
    waits = [
        next_planned(cursor, store),
        *(parse_instant(report["look"]) for report in cursor["open"].values()),
    ]
    waiting = {*cursor["fresh"], *cursor["pending"]}
    if len(cursor["open"]) < IN_FLIGHT:
        allowed = parse_instant(cursor["next"]) if cursor["next"] else at
        begins = [
            parse_instant(cursor["parked"][task]["until"]) if task in cursor["parked"] else at
            for task in waiting - set(cursor["open"])
        ]
        waits += [max(allowed, begin) for begin in begins]
    idle = not waiting and outcome is Outcome.WAITING
    return Advance(
        due_at=at if cursor["asking"] is not None else max(min(waits), at),
        cursor=cursor,
        work_done=HISTORY_REPORTS - len(cursor["pending"]),
        work_total=HISTORY_REPORTS,
        fresh_until=complete_until(cursor, store),
        outcome=Outcome.OK if idle else outcome,
    )
