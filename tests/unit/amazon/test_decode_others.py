"""Stock, reports, stores and metrics."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from theseller.amazon.decoders.inventory import decode_inventory
from theseller.amazon.decoders.marketplace_participations import decode_participations
from theseller.amazon.decoders.order_metrics import decode_order_metrics
from theseller.amazon.decoders.reports_api import (
    decode_created_report,
    decode_report,
    decode_report_document,
    decode_reports,
)
from theseller.amazon.errors import DriftedError
from theseller.lib.secret_type import Secret


def test_inventory_summaries_are_decoded() -> None:
    summary = {
        "sellerSku": "SOAP-1",
        "asin": "B1",
        "fnSku": "X1",
        "totalQuantity": 12,
        "lastUpdatedTime": "2026-11-20T00:00:00Z",
        "inventoryDetails": {
            "fulfillableQuantity": 9,
            "reservedQuantity": {"totalReservedQuantity": 3, "fcProcessingQuantity": 1},
            "researchingQuantity": {
                "totalResearchingQuantity": 0,
                "researchingQuantityBreakdown": [
                    {"name": "researchingQuantityInShortTerm", "quantity": 0}
                ],
            },
        },
    }
    page = {
        "payload": {
            "granularity": {"granularityType": "Marketplace", "granularityId": "A1"},
            "inventorySummaries": [summary],
        },
        "pagination": {"nextToken": "n"},
    }
    decoded = decode_inventory(json.dumps(page).encode())
    assert (decoded.marketplace_id, decoded.next_token, decoded.drift) == ("A1", "n", ())
    (one,) = decoded.summaries
    assert one.inventory_details is not None
    assert one.inventory_details.fulfillable_quantity == 9
    assert one.updated_at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("printed", ["", None, "yesterday"])
def test_inventory_summary_without_a_date_is_decoded(printed: str | None) -> None:
    page = {"payload": {"inventorySummaries": [{"sellerSku": "S", "lastUpdatedTime": printed}]}}
    assert decode_inventory(json.dumps(page).encode()).summaries[0].updated_at is None


def test_report_state_list_and_created_report_are_decoded() -> None:
    state = {
        "reportId": "R1",
        "reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
        "processingStatus": "DONE",
        "createdTime": "2026-11-20T00:00:00Z",
        "reportDocumentId": "D1",
    }
    page = decode_reports(json.dumps({"reports": [state], "nextToken": "n"}).encode())
    assert (page.reports[0].report_document_id, page.next_token, page.drift) == ("D1", "n", ())
    assert decode_report(json.dumps(state).encode()) == page.reports[0]
    assert decode_created_report(b'{"reportId":"R1"}') == "R1"


def test_a_documents_address_is_a_secret() -> None:
    decoded = decode_report_document(
        b'{"reportDocumentId":"D1","url":"https://x.amazonaws.com/?sig=zzq1",'
        b'"compressionAlgorithm":"GZIP"}'
    )
    assert decoded.url == Secret("https://x.amazonaws.com/?sig=zzq1")
    assert "zzq1" not in repr(decoded)
    with pytest.raises(DriftedError) as caught:
        decode_report_document(b'{"reportDocumentId":"D1","url":["zzq1"]}')
    assert "zzq1" not in str(caught.value)


def test_marketplace_participations_are_decoded_without_the_store_name() -> None:
    entry = {
        "marketplace": {
            "id": "A1",
            "countryCode": "DE",
            "name": "Amazon.de",
            "defaultCurrencyCode": "EUR",
        },
        "participation": {"isParticipating": True, "hasSuspendedListings": False},
        "storeName": "zzq1",
    }
    participations, drift = decode_participations(json.dumps({"payload": [entry]}).encode())
    assert (participations[0].marketplace_id, participations[0].currency, drift) == (
        "A1",
        "EUR",
        (),
    )
    assert "zzq1" not in repr(participations)


def test_order_metrics_are_decoded() -> None:
    entry = {
        "interval": "2026-11-01T00:00Z--2026-11-02T00:00Z",
        "unitCount": 3,
        "orderItemCount": 2,
        "orderCount": 2,
        "totalSales": {"amount": "25.10", "currencyCode": "EUR"},
    }
    page = decode_order_metrics(json.dumps({"payload": [entry]}).encode())
    assert page.metrics[0].total_sales is not None
    assert page.metrics[0].total_sales.amount == Decimal("25.10")
    assert page.drift == ()
