"""Reports 2021-06-30: states of reports and addresses of documents.

The address of a document is a credential.
"""

from __future__ import annotations

import msgspec

from theseller.amazon.decoders.response_field_types import Instant, Wire, check_instant, spell_enums
from theseller.amazon.decoders.response_shape import Shape, dropped
from theseller.lib.secret_type import Secret


class ReportState(Wire, frozen=True):
    """One report and its state.

    `processing_status` is ``IN_QUEUE``, ``IN_PROGRESS``, ``DONE``, ``CANCELLED`` (no data, or
    requested too often) or ``FATAL``.
    """

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
    """A page of getReports."""

    reports: tuple[ReportState, ...]
    next_token: str | None
    drift: tuple[str, ...]


class _CreateReport(Wire, frozen=True):
    report_id: str


class ReportDocument(Wire, frozen=True):
    """The address of a document, valid for five minutes.

    `compression_algorithm` is ``GZIP`` or None.
    """

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
    """Decode an answer of getReports.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    page = GET_REPORTS.decode(body)
    return ReportsPage(tuple(page.reports), page.next_token or None, GET_REPORTS.drift(body))


def decode_report(body: bytes) -> ReportState:
    """Decode an answer of getReport.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    return GET_REPORT.decode(body)


def decode_created_report(body: bytes) -> str:
    """Decode an answer of createReport; return the report's id.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    return CREATE_REPORT.decode(body).report_id


def decode_report_document(body: bytes) -> ReportDocument:
    """Decode an answer of getReportDocument.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    return GET_REPORT_DOCUMENT.decode(body)
