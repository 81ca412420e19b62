"""Reports 2021-06-30: the life of a report, up to the address of its document, which is a credential."""

from __future__ import annotations

import msgspec

from theseller.amazon.decoders.common import Instant, Wire, check_instant, spell_enums
from theseller.amazon.decoders.shape import Shape, dropped
from theseller.lib.secret import Secret


class ReportState(Wire, frozen=True):
    """One report. `processing_status` is ``IN_QUEUE``, ``IN_PROGRESS``, ``DONE``, ``CANCELLED`` (no data, or asked too often) or ``FATAL``."""

    report_id: str
    report_type: str
    processing_status: str
    created_time: Instant
    marketplace_ids: list[str] | None = None
    data_start_time: Instant | None = None
    data_end_time: Instant | None = None
    processing_start_time: Instant | None = None
    processing_end_time: Instant | None = None
    report_document_id: str | None = None

    def __post_init__(self) -> None:
        check_instant(self.created_time)
        spell_enums(self, "processing_status")


class _GetReports(Wire, frozen=True):
    reports: list[ReportState]
    next_token: str | None = None


class ReportsPage(msgspec.Struct, frozen=True, gc=False):
    reports: tuple[ReportState, ...]
    next_token: str | None
    drift: tuple[str, ...]


class _CreateReport(Wire, frozen=True):
    report_id: str


class ReportDocument(Wire, frozen=True):
    """Where a document is for the next five minutes. `compression_algorithm` is ``GZIP`` or None."""

    report_document_id: str
    url: Secret
    compression_algorithm: str | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "compression_algorithm")


def _secret(type_: type, value: object) -> Secret:
    if type_ is not Secret or not isinstance(value, str):
        raise ValueError("not an address")
    return Secret(value)


GET_REPORTS = Shape("getReports", _GetReports, dropped(unneeded="reports[]: reportScheduleId"))
GET_REPORT = Shape("getReport", ReportState, dropped(unneeded=": reportScheduleId"))
CREATE_REPORT = Shape("createReport", _CreateReport, {})
GET_REPORT_DOCUMENT = Shape("getReportDocument", ReportDocument, {}, _secret)


def decode_reports(body: bytes) -> ReportsPage:
    """Decode an answer of getReports. Raises DriftedError or UnavailableError."""
    page = GET_REPORTS.decode(body)
    return ReportsPage(tuple(page.reports), page.next_token or None, GET_REPORTS.drift(body))


def decode_report(body: bytes) -> ReportState:
    """Decode an answer of getReport. Raises DriftedError or UnavailableError."""
    return GET_REPORT.decode(body)


def decode_created_report(body: bytes) -> str:
    """Decode an answer of createReport into the report's id. Raises DriftedError or UnavailableError."""
    return CREATE_REPORT.decode(body).report_id


def decode_report_document(body: bytes) -> ReportDocument:
    """Decode an answer of getReportDocument. Raises DriftedError or UnavailableError."""
    return GET_REPORT_DOCUMENT.decode(body)
