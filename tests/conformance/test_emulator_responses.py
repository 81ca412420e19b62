"""The emulator's responses are what Amazon's official SDK describes.

Its canaries are everywhere the SDK has personal data.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from tests.conformance.amazon_sdk import document
from tests.unit.emulator.support import ALICE, CHARLIE, DORA, Amazon, amazon_with

from theseller.amazon.reports import TrafficDay, read_report
from theseller.emulator.canary_texts import ORDER_PATHS

FIRST_STORE = {ALICE: "ATVPDKIKX0DER", CHARLIE: "A1F83G8C2ARO7P", DORA: "A1VC38T7YXB528"}
EVERYTHING = (
    "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,"
    "FULFILLMENT_ORDERS"
)


def strict(schema: Any) -> Any:  # noqa: ANN401
    """Return the schema with every object closed.

    A field that the model does not have is then an error too.
    """
    if isinstance(schema, list):
        return [strict(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "additionalProperties" not in closed:
        closed["additionalProperties"] = False
    return closed


@cache
def validator(name: str, definition: str) -> jsonschema.Draft4Validator:
    definitions = document(name)["definitions"]
    # A context is all of its kinds at once (allOf), which no closed schema could allow: it stays
    # open.
    closed = {
        key: value if key.endswith("Context") else strict(value)
        for key, value in definitions.items()
    }
    return jsonschema.Draft4Validator(
        {"$ref": f"#/definitions/{definition}", "definitions": closed}
    )


#: Where recorded answers are not as the model says: null for an absent list or status, and amounts
#: of getOrderMetrics as numbers.
NULL = {"ListTransactionsResponse": {"contexts", "breakdowns", "transactionStatus"}}
NUMBERS = {"GetOrderMetricsResponse"}


def as_modelled(definition: str, body: Any) -> Any:  # noqa: ANN401
    """Return the answer without its recorded differences from the model, and with every other one."""
    if isinstance(body, list):
        return [as_modelled(definition, entry) for entry in body]
    if not isinstance(body, dict):
        return body
    if definition in NUMBERS and isinstance(body.get("amount"), float):
        return {**body, "amount": str(body["amount"])}
    left_out = {
        key for key, value in body.items() if value is None and key in NULL.get(definition, ())
    }
    return {
        key: as_modelled(definition, value) for key, value in body.items() if key not in left_out
    }


def check(name: str, definition: str, answer: httpx.Response, status: int = 200) -> None:
    assert answer.status_code == status, answer.text
    problems = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:120]}"
        for error in validator(name, definition).iter_errors(as_modelled(definition, answer.json()))
    ]
    assert not problems


@pytest.fixture(scope="module", params=[ALICE, CHARLIE, DORA])
def connected(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Amazon, str, str]:
    amazon = amazon_with(tmp_path_factory.mktemp("state"))
    return amazon, request.param, amazon.connect(request.param)["access_token"]


def test_emulated_orders_responses_match_amazons_schema(connected: tuple[Amazon, str, str]) -> None:
    amazon, seller, token = connected
    path = "/orders/2026-01-01/orders"
    bare = amazon.call(
        seller, token, f"{path}?createdAfter=2026-11-18T00:00:00Z&maxResultsPerPage=40"
    )
    answer = amazon.call(
        seller,
        token,
        f"{path}?lastUpdatedAfter=2026-11-14T00:00:00Z&maxResultsPerPage=40"
        f"&includedData={EVERYTHING}",
    )
    for page in (bare, answer):
        check("orders_v2026_01_01", "SearchOrdersResponse", page)
        assert page.json()["orders"]
    order_id = answer.json()["orders"][0]["orderId"]
    check(
        "orders_v2026_01_01",
        "GetOrderResponse",
        amazon.call(seller, token, f"{path}/{order_id}?includedData={EVERYTHING}"),
    )
    check("orders_v2026_01_01", "ErrorList", amazon.call(seller, token, path), 400)


def test_emulated_finances_responses_match_amazons_schema(
    connected: tuple[Amazon, str, str],
) -> None:
    amazon, seller, token = connected
    base = "/finances/2024-06-19"
    wanted = {"Shipment", "Refund", "ServiceFee", "ProductAdsPayment", "Transfer"}
    kinds: set[str] = set()
    following = ""
    for number in range(40):
        amazon.clock.pass_(seconds=1)
        answer = amazon.call(
            seller, token, f"{base}/transactions?postedAfter=2026-11-03T00:00:00Z{following}"
        )
        check("finances_v2024_06_19", "ListTransactionsResponse", answer)
        payload = answer.json()["payload"]
        kinds |= {entry["transactionType"] for entry in payload["transactions"]}
        if "nextToken" not in payload or (number >= 2 and wanted <= kinds):
            break
        following = f"&nextToken={payload['nextToken']}"
    assert wanted <= kinds
    check(
        "finances_v2024_06_19",
        "ListBalancesResponse",
        amazon.call(seller, token, f"{base}/balances"),
    )
    check(
        "finances_v2024_06_19",
        "SummaryResponse",
        amazon.call(seller, token, f"{base}/summary?periodStart=2026-10-01&periodEnd=2026-10-31"),
    )
    check(
        "finances_v2024_06_19", "ErrorList", amazon.call(seller, token, f"{base}/transactions"), 400
    )


def test_emulated_inventory_sellers_and_sales_responses_match_amazons_schema(
    connected: tuple[Amazon, str, str],
) -> None:
    amazon, seller, token = connected
    store = FIRST_STORE[seller]
    stock = (
        "/fba/inventory/v1/summaries?granularityType=Marketplace"
        f"&granularityId={store}&marketplaceIds={store}&details=true"
    )
    check("fba_inventory_v1", "GetInventorySummariesResponse", amazon.call(seller, token, stock))
    check(
        "sellers_v1",
        "GetMarketplaceParticipationsResponse",
        amazon.call(seller, token, "/sellers/v1/marketplaceParticipations"),
    )
    interval = "2026-11-01T00:00:00Z--2026-11-08T00:00:00Z"
    query = f"marketplaceIds={store}&interval={interval}&granularity=Day&granularityTimeZone=UTC"
    check(
        "sales_v1",
        "GetOrderMetricsResponse",
        amazon.call(seller, token, f"/sales/v1/orderMetrics?{query}"),
    )


def test_emulated_restricted_data_token_responses_match_amazons_schema(
    connected: tuple[Amazon, str, str], tmp_path: Path
) -> None:
    amazon, seller, token = connected
    path, body = (
        "/tokens/2021-03-01/restrictedDataToken",
        {"restrictedResources": [{"method": "GET", "path": "/orders/v0/orders/1/address"}]},
    )
    check(
        "tokens_v2021_03_01", "ErrorList", amazon.call(seller, token, path, "POST", json=body), 400
    )
    with_role = amazon_with(tmp_path, roles=("Direct to Consumer Shipping (Restricted)",))
    granted = with_role.call(
        seller, with_role.connect(seller)["access_token"], path, "POST", json=body
    )
    check("tokens_v2021_03_01", "CreateRestrictedDataTokenResponse", granted)


def test_emulated_reports_responses_match_amazons_schema(
    connected: tuple[Amazon, str, str],
) -> None:
    amazon, seller, token = connected
    base = "/reports/2021-06-30"
    body = {
        "reportType": "GET_SALES_AND_TRAFFIC_REPORT",
        "marketplaceIds": [FIRST_STORE[seller]],
        "dataStartTime": "2026-11-01",
    }
    created = amazon.call(seller, token, f"{base}/reports", "POST", json=body)
    check("reports_v2021_06_30", "CreateReportResponse", created, 202)
    path = f"{base}/reports/{created.json()['reportId']}"
    check("reports_v2021_06_30", "Report", amazon.call(seller, token, path))
    amazon.clock.pass_(seconds=30)
    done = amazon.call(seller, token, path)
    check("reports_v2021_06_30", "Report", done)
    made = amazon.call(seller, token, f"{base}/documents/{done.json()['reportDocumentId']}")
    check("reports_v2021_06_30", "ReportDocument", made)
    report = read_report([amazon.client.get(made.json()["url"]).content])
    assert any(isinstance(row, TrafficDay) for row in report.rows())
    reasons = {column.reason for column in report.inspection.columns_dropped}
    assert "unknown to this version" not in reasons
    settlements = f"{base}/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
    check("reports_v2021_06_30", "GetReportsResponse", amazon.call(seller, token, settlements))
    check("reports_v2021_06_30", "ErrorList", amazon.call(seller, token, f"{base}/reports"), 400)


def texts(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every leaf of the order model that holds a free text: no enumeration, no instant, no amount."""
    if "$ref" in schema:
        schema = document("orders_v2026_01_01")["definitions"][schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        for name, below in schema["properties"].items():
            yield from texts(below, f"{path}.{name}" if path else name)
    elif schema.get("type") == "array":
        yield from texts(schema["items"], f"{path}[]")
    elif schema.get("type") == "string" and "enum" not in schema and "format" not in schema:
        yield path, schema


#: Texts below a place of personal data that name a kind, not a person.
KINDS = {
    "recipient.deliveryAddress.countryCode", "recipient.deliveryAddress.addressType",
    "tax.taxRegistrations[].entityType", "tax.taxRegistrations[].taxRegistrationType",
    "tax.taxRegistrations[].taxRegistrationAddress.countryCode",
    "tax.taxRegistrations[].taxRegistrationAddress.addressType",
    "tax.taxRegistrations[].taxRegistrationAttributes[].key",
    "packages[].shipFromAddress.countryCode",
}  # fmt: skip
PERSONAL_BRANCHES = (
    "buyer.",
    "recipient.",
    "tax.taxRegistrations[].",
    "packages[].shipFromAddress.",
)
PERSONAL_LEAVES = {
    "payment.paymentExecutions[].acquirerId", "payment.paymentExecutions[].cardBrand",
    "payment.paymentExecutions[].authorizationCode",
    "orderItems[].product.customization.customizedUrl", "orderItems[].product.serialNumbers[]",
    "orderItems[].product.condition.conditionNote",
    "orderItems[].fulfillment.packing.giftOption.giftMessage",
    "orderItems[].fulfillment.shipping.internationalShipping.iossNumber",
    "orderItems[].cancellation.cancellationRequest.cancelReason",
    "orderItems[].cancellation.cancellationExecution.cancelReason", "packages[].trackingNumber",
    "packages[].packageItems[].transparencyCodes[]",
}  # fmt: skip


def test_no_personal_text_of_the_order_model_is_without_a_canary() -> None:
    leaves = {path for path, _ in texts({"$ref": "#/definitions/Order"})}
    assert leaves >= PERSONAL_LEAVES
    personal = PERSONAL_LEAVES | {path for path in leaves if path.startswith(PERSONAL_BRANCHES)}
    planted = {path for paths in ORDER_PATHS.values() for path in paths}
    assert personal - KINDS == planted


def test_every_order_field_with_a_personal_name_is_in_order_paths() -> None:
    """Any text leaf with one of these names, wherever a new model puts it, must be planted."""
    planted = {path for paths in ORDER_PATHS.values() for path in paths}
    names = (
        "name",
        "email",
        "phone",
        "message",
        "addressline",
        "postalcode",
        "note",
        "reason",
        "tracking",
        "serial",
        "legal",
    )
    harmless = {"salesChannel.marketplaceName", "salesChannel.channelName"}
    found = {
        path
        for path, _ in texts({"$ref": "#/definitions/Order"})
        if any(name in path.rpartition(".")[2].casefold() for name in names)
    }
    assert found - harmless <= planted
