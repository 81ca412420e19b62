"""Requested reports: what is stored of each, and its state at an instant."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from theseller.emulator.amount_and_time_formats import instant
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.reports import document_rendering
from theseller.emulator.reports.settlement import REPORT_TYPE as SETTLEMENT
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.random_draws import identifier, number
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.settlement_periods import Period

_RENDERED: OrderedDict[tuple[int, str], str | None] = OrderedDict()
_RENDERED_MOST = 12


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a seller.

    `started`, `ended`: when its processing starts and ends. `outcome`: decided beforehand (FATAL,
    CANCELLED), or empty.
    """

    id: str
    document_id: str
    seller: Seller
    type: str
    marketplace_ids: tuple[str, ...]
    start: datetime
    end: datetime
    options: dict[str, str]
    created: datetime
    started: datetime
    ended: datetime
    outcome: str
    compressed: bool
    period: Period | None = None


def _document_id(emulator: Emulator, seller: Seller, report_id: str) -> str:
    return (
        f"amzn1.spdoc.1.4.{seller.region}."
        f"{identifier(emulator.world.seed, seller.id, report_id, length=36)}.T2"
    )


def settlement_report(emulator: Emulator, period: Period) -> Report:
    """Return the report that Amazon makes of a closed settlement by itself."""
    report_id = str(
        50_000_000_000
        + number(emulator.world.seed, period.settlement_id, "report", below=9 * 10**9)
    )
    document_id = _document_id(emulator, period.seller, report_id)
    return Report(
        report_id,
        document_id,
        period.seller,
        SETTLEMENT,
        (period.store.marketplace.id,),
        period.start,
        period.end,
        {},
        period.published,
        period.published,
        period.published,
        "",
        compressed=False,
        period=period,
    )


def _order(report: Report) -> ReportOrder:
    return ReportOrder(
        report.seller,
        report.type,
        report.start,
        report.end,
        report.ended,
        report.marketplace_ids,
        report.options,
    )


class ReportStore:
    """A view of the state's reports."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def add(
        self,
        seller: Seller,
        report_type: str,
        marketplace_ids: list[str],
        window: tuple[datetime, datetime],
        options: dict[str, str],
        outcome: str,
        at: datetime,
    ) -> Report:
        """Store the request for a report."""
        state = self.emulator.state
        record = {
            "seller": seller.id,
            "type": report_type,
            "marketplaces": marketplace_ids,
            "start": window[0].isoformat(),
            "end": window[1].isoformat(),
            "options": options,
            "created": at.timestamp(),
            "outcome": outcome,
        }
        with state.lock:
            serial = state.data.get("report_serial", 0) + 1
            state.data["report_serial"] = serial
            report_id = str(
                60_000_000_000
                + serial * 1009
                + number(self.emulator.world.seed, seller.id, serial, below=1009)
            )
            state.change("reports", report_id, record)
        return self._report(report_id, record)

    def _report(self, report_id: str, record: dict[str, Any]) -> Report:
        seller = self.emulator.world.sellers[record["seller"]]
        created = datetime.fromtimestamp(record["created"], UTC)
        scale = self.emulator.config.rate_scale
        queue = timedelta(
            seconds=(3 + number(self.emulator.world.seed, report_id, "queue", below=5)) / scale
        )
        work = timedelta(
            seconds=(5 + number(self.emulator.world.seed, report_id, "work", below=12)) / scale
        )
        return Report(
            report_id,
            _document_id(self.emulator, seller, report_id),
            seller,
            record["type"],
            tuple(record["marketplaces"]),
            datetime.fromisoformat(record["start"]),
            datetime.fromisoformat(record["end"]),
            record["options"],
            created,
            created + queue,
            created + queue + work,
            record["outcome"],
            compressed=True,
        )

    def of(self, seller: Seller) -> Iterator[Report]:
        """Yield the reports that this seller's applications requested."""
        for report_id, record in list(self.emulator.state.data["reports"].items()):
            if record["seller"] == seller.id:
                yield self._report(report_id, record)

    def _all(self, seller: Seller, at: datetime) -> Iterator[Report]:
        yield from self.of(seller)
        for period in self.emulator.world.periods_published(seller, at - timedelta(days=90), at):
            yield settlement_report(self.emulator, period)

    def find(self, seller: Seller, report_id: str, at: datetime) -> Report | None:
        """Return a report by its ID, or None.

        The ID is unique only together with the seller.
        """
        return next((report for report in self._all(seller, at) if report.id == report_id), None)

    def find_document(self, seller: Seller, document_id: str, at: datetime) -> Report | None:
        """Return the report whose finished document has this id."""
        found = next(
            (report for report in self._all(seller, at) if report.document_id == document_id), None
        )
        return found if found and self.status(found, at) in {"DONE", "FATAL"} else None

    def status(self, report: Report, at: datetime) -> str:
        """Return the processingStatus at `at`."""
        if report.outcome == "CANCELLED":
            return "CANCELLED"
        if at < report.started:
            return "IN_QUEUE"
        if at < report.ended:
            return "IN_PROGRESS"
        if report.outcome:
            return report.outcome
        return (
            "DONE"
            if report.period or document_rendering.has_data(self.emulator.world, _order(report))
            else "CANCELLED"
        )

    def cancel(self, report: Report) -> None:
        """Cancel a report."""
        record = self.emulator.state.data["reports"][report.id]
        self.emulator.state.change("reports", report.id, {**record, "outcome": "CANCELLED"})

    def text(self, report: Report) -> str | None:
        """Return the document's text; None if there is no data.

        The last few texts are cached, because documents are fetched more than once.
        """
        key = (id(self.emulator), report.id)
        if key not in _RENDERED:
            _RENDERED[key] = self._render(report)
            while len(_RENDERED) > _RENDERED_MOST:
                _RENDERED.popitem(last=False)
        return _RENDERED[key]

    def _render(self, report: Report) -> str | None:
        if report.outcome == "FATAL":
            return json.dumps(
                {"errorDetails": "The report could not be generated. Please request it again."}
            )
        if report.period:
            return document_rendering.render_settlement(self.emulator.world, report.period)
        return document_rendering.render(self.emulator.world, _order(report))

    def document(self, report: Report, extra_column: str = "") -> bytes:
        """Return the document as it is served.

        `extra_column`: a value for a column that is not documented; empty without one.
        """
        text = self.text(report) or ""
        if extra_column and "\t" in text:
            header, *rows = text.splitlines()
            text = "".join(f"{row}\t{extra_column}\n" for row in rows)
            text = f"{header}\trecently-introduced-column\n{text}"
        return document_rendering.encode(
            text,
            document_rendering.GENERATORS[report.type].encoding(report.seller),
            compress=report.compressed,
        )

    def json(self, report: Report, at: datetime) -> dict[str, Any]:
        """Return the Reports API's Report."""
        status = self.status(report, at)
        body: dict[str, Any] = {
            "reportId": report.id,
            "reportType": report.type,
            "marketplaceIds": list(report.marketplace_ids),
            "dataStartTime": instant(report.start),
            "dataEndTime": instant(report.end),
            "createdTime": instant(report.created),
            "processingStatus": status,
        }
        if status in {"IN_PROGRESS", "DONE", "FATAL"}:
            body["processingStartTime"] = instant(report.started)
        if status in {"DONE", "FATAL"}:
            body |= {
                "processingEndTime": instant(report.ended),
                "reportDocumentId": report.document_id,
            }
        return body
