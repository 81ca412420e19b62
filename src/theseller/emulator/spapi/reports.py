"""Reports API 2021-06-30, and the documents behind its links.

The operations: createReport, getReport(s), cancelReport, getReportDocument.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.reports.document_rendering import GENERATORS, REQUESTABLE
from theseller.emulator.reports.settlement import REPORT_TYPE as SETTLEMENT
from theseller.emulator.reports.types import ReportGenerator
from theseller.emulator.spapi.call_parameters import Call, parse_instant
from theseller.emulator.spapi.errors import denied, invalid, not_found
from theseller.emulator.spapi.requested_reports import Report, ReportStore, settlement_report
from theseller.emulator.world.random_draws import identifier

URL_LIFETIME = timedelta(minutes=5)
RESTRICTED = frozenset(
    {
        "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING", "GET_ORDER_REPORT_DATA_INVOICING",
        "GET_ORDER_REPORT_DATA_TAX", "GET_ORDER_REPORT_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_INVOICING", "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_TAX", "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_INVOICING",
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_TAX", "SC_VAT_TAX_REPORT", "GET_VAT_TRANSACTION_DATA",
        "GET_GST_MTR_B2B_CUSTOM", "GET_GST_MTR_B2C_CUSTOM", "GET_EASYSHIP_DOCUMENTS",
    }
)  # fmt: skip
#: What becomes of a report, by kind of fault.
_OUTCOMES = {"fatal_report": "FATAL", "cancelled_report": "CANCELLED"}
_STATUSES = ("CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE")


def create_report(call: Call) -> dict[str, Any]:
    """Order a report. Answers 202 with its id."""
    try:
        body = json.loads(call.body)
    except ValueError:
        raise invalid("The request body is not JSON.") from None
    if not isinstance(body, dict) or not isinstance(body.get("reportType"), str):
        raise invalid("reportType is required.")
    report_type, marketplace_ids = body["reportType"], body.get("marketplaceIds")
    if (
        not isinstance(marketplace_ids, list)
        or not marketplace_ids
        or not all(isinstance(entry, str) for entry in marketplace_ids)
    ):
        raise invalid("marketplaceIds is required.")
    if report_type in RESTRICTED:
        raise denied()
    if report_type not in REQUESTABLE:
        raise invalid("Invalid Report Type or it can not be requested.")
    generator = GENERATORS[report_type]
    if not call.roles & generator.roles:
        raise denied()
    call.stores_of(marketplace_ids)
    start, end = _range(call, body, generator)
    options = body.get("reportOptions") or {}
    if not isinstance(options, dict):
        raise invalid("reportOptions must be an object.")
    if generator.one_store and len(marketplace_ids) != 1:
        raise invalid("Exactly one marketplace must be given for this report type.")
    store = ReportStore(call.emulator)
    drawn = call.emulator.faults.draw("reports.createReport", frozenset(_OUTCOMES))
    outcome = _OUTCOMES[drawn] if drawn else ""
    if _requested_too_often(call, store, generator):
        outcome = "CANCELLED"
    report = store.add(
        call.seller,
        report_type,
        marketplace_ids,
        (start, end),
        {str(k): str(v) for k, v in options.items()},
        outcome,
        call.at,
    )
    return {"reportId": report.id}


def _range(
    call: Call, body: dict[str, Any], generator: ReportGenerator
) -> tuple[datetime, datetime]:
    texts = body.get("dataStartTime"), body.get("dataEndTime")
    if not isinstance(texts[0], str) or not isinstance(texts[1] or "", str):
        raise invalid("dataStartTime is required for this report type.")
    start = parse_instant(texts[0], "dataStartTime")
    end = parse_instant(texts[1], "dataEndTime") if texts[1] else call.at
    if end < start or start > call.at:
        raise invalid(
            "dataEndTime must not be before dataStartTime, and dataStartTime not in the future."
        )
    if generator.longest and end - start > generator.longest:
        raise invalid(
            f"The date range of this report type is limited to {generator.longest.days} days."
        )
    if generator.oldest and start < call.at - generator.oldest:
        raise invalid("dataStartTime must be within the last two years.")
    return start, end


def _requested_too_often(call: Call, store: ReportStore, generator: ReportGenerator) -> bool:
    if generator.most_requests is None:
        return False
    most, window = generator.most_requests
    since = call.at - window / call.emulator.config.rate_scale
    recent = [
        report
        for report in store.of(call.seller)
        if report.type == generator.report_type and report.created > since
    ]
    return len(recent) >= most


def get_reports(call: Call) -> dict[str, Any]:
    """List reports, newest first; settlements are found only here."""
    if call.query.get("nextToken") is not None:
        if set(call.query.keys()) != {"nextToken"}:
            raise invalid("nextToken must be the only parameter.")
        content = call.read_token("nextToken", "reports", timedelta(hours=24)) or {}
    else:
        content = _requested(call)
    since, until = (
        parse_instant(content["since"], "createdSince"),
        parse_instant(content["until"], "createdUntil"),
    )
    for report_type in content["types"]:
        if report_type in GENERATORS and not call.roles & GENERATORS[report_type].roles:
            raise denied()
    store = ReportStore(call.emulator)
    found = [report for report in store.of(call.seller) if report.type in content["types"]]
    if SETTLEMENT in content["types"]:
        found += [
            settlement_report(call.emulator, period)
            for period in call.emulator.world.periods_published(call.seller, since, until)
        ]
    found = [report for report in found if since <= report.created <= until]
    if content["marketplaces"]:
        found = [
            report for report in found if set(report.marketplace_ids) & set(content["marketplaces"])
        ]
    if content["statuses"]:
        found = [report for report in found if store.status(report, call.at) in content["statuses"]]
    found.sort(key=lambda report: (report.created, report.id), reverse=True)
    offset, size = content["offset"], content["size"]
    answer: dict[str, Any] = {
        "reports": [store.json(report, call.at) for report in found[offset : offset + size]]
    }
    if offset + size < len(found):
        answer["nextToken"] = call.token("reports", {**content, "offset": offset + size})
    return answer


def _requested(call: Call) -> dict[str, Any]:
    types = call.texts("reportTypes")
    if not 1 <= len(types) <= 10:
        raise invalid("Either reportTypes (1 to 10) or nextToken is required.")
    if not set(types) <= set(GENERATORS) | RESTRICTED:
        raise invalid("Invalid value for reportTypes.")
    oldest = call.at - timedelta(days=90)
    since = max(call.instant("createdSince") or oldest, oldest)
    return {
        "types": types,
        "statuses": call.choices("processingStatuses", _STATUSES),
        "marketplaces": call.texts("marketplaceIds"),
        "size": call.integer("pageSize", 10, 100),
        "since": since.isoformat(),
        "until": (call.instant("createdUntil") or call.at).isoformat(),
        "offset": 0,
    }


def _find(call: Call) -> Report:
    report = ReportStore(call.emulator).find(call.seller, call.path["report_id"], call.at)
    if report is None:
        raise not_found("The requested report was not found.")
    if not call.roles & GENERATORS[report.type].roles:
        raise denied()
    return report


def get_report(call: Call) -> dict[str, Any]:
    """Return how far a report is."""
    return ReportStore(call.emulator).json(_find(call), call.at)


def cancel_report(call: Call) -> dict[str, Any]:
    """Cancel a report that is still in the queue."""
    report = _find(call)
    store = ReportStore(call.emulator)
    if store.status(report, call.at) != "IN_QUEUE":
        raise invalid("Only reports with processingStatus IN_QUEUE can be cancelled.")
    store.cancel(report)
    return {}


def get_report_document(call: Call) -> dict[str, Any]:
    """Return a link to a document, which is valid for five minutes.

    Anyone who has the link can read the document.
    """
    store = ReportStore(call.emulator)
    report = store.find_document(call.seller, call.path["document_id"], call.at)
    if report is None:
        raise not_found("The requested document was not found.")
    if not call.roles & GENERATORS[report.type].roles:
        raise denied()
    expired = call.emulator.faults.draw(
        "reports.getReportDocument", frozenset({"expired_document"})
    )
    signed = call.at - 2 * URL_LIFETIME if expired else call.at
    answer = {
        "reportDocumentId": report.document_id,
        "url": call.base_url + signed_path(call.emulator, report, signed),
    }
    if report.compressed:
        answer["compressionAlgorithm"] = "GZIP"
    return answer


def signed_path(emulator: Emulator, report: Report, at: datetime) -> str:
    """Return the path and query of a pre-signed link."""
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    key = identifier(emulator.world.seed, report.document_id, length=24)
    signature = _sign(emulator, report.seller.id, report.document_id, stamp)
    scope = f"{stamp[:8]}%2Fus-east-1%2Fs3%2Faws4_request"
    return (
        f"/documents/{report.seller.id}/{report.document_id}"
        f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=EMULATED{key[:8]}%2F{scope}"
        f"&X-Amz-Date={stamp}&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature="
        f"{signature}"
    )


def _sign(emulator: Emulator, seller_id: str, document_id: str, stamp: str) -> str:
    return hmac.new(
        emulator.document_key, f"{seller_id}|{document_id}|{stamp}".encode(), hashlib.sha256
    ).hexdigest()


def link_problem(
    emulator: Emulator, seller_id: str, document_id: str, stamp: str, signature: str, at: datetime
) -> str:
    """Return the storage service's message for a link that is not valid.

    Empty if the link is valid at `at`.
    """
    if not hmac.compare_digest(_sign(emulator, seller_id, document_id, stamp), signature):
        return "The request signature we calculated does not match the signature you provided."
    signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return "Request has expired" if at - signed > URL_LIFETIME else ""
