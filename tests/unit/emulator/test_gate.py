"""The gate: tokens, regions, roles, quotas, headers. And what operations refuse."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.emulator.support import ALICE, CHARLIE, DORA, NOW, Amazon, amazon_with

from theseller.emulator.spapi.operation_table import OPERATIONS
from theseller.emulator.token_buckets import Buckets

US, UK = "ATVPDKIKX0DER", "A1F83G8C2ARO7P"
ORDERS = "/orders/2026-01-01/orders"
TRANSACTIONS = "/finances/2024-06-19/transactions"
STOCK = (
    "/fba/inventory/v1/summaries?granularityType=Marketplace"
    f"&granularityId={US}&marketplaceIds={US}"
)
SINCE = (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def alice(amazon: Amazon) -> str:
    return amazon.connect(ALICE)["access_token"]


def reason(answer: httpx.Response) -> tuple[int, str, str, str]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["code"], error["message"], error["details"]


DENIED = "Access to requested resource is denied."


def test_missing_invalid_and_expired_access_tokens_are_refused(amazon: Amazon, alice: str) -> None:
    path = f"{ORDERS}?lastUpdatedAfter={SINCE}"
    missing = amazon.client.get(f"/spapi/na{path}")
    assert reason(missing) == (
        403,
        "Unauthorized",
        DENIED,
        "Access token is missing in the request header.",
    )
    forged = amazon.call(ALICE, "Atza|forged", path)
    assert reason(forged) == (
        403,
        "Unauthorized",
        DENIED,
        "The access token you provided is revoked, malformed or invalid.",
    )
    amazon.clock.pass_(seconds=3600)
    expired = amazon.call(ALICE, alice, path)
    assert reason(expired) == (
        403,
        "Unauthorized",
        DENIED,
        "The access token you provided has expired.",
    )
    assert "x-amzn-ratelimit-limit" not in expired.headers
    assert expired.headers["x-amzn-requestid"]


def test_the_wrong_region_and_an_unknown_path_are_denied_without_details(
    amazon: Amazon, alice: str
) -> None:
    assert reason(amazon.call(ALICE, alice, f"{ORDERS}?lastUpdatedAfter={SINCE}", region="eu")) == (
        403,
        "Unauthorized",
        DENIED,
        "",
    )
    denied = amazon.call(ALICE, alice, "/orders/v1/orders")
    assert reason(denied) == (403, "Unauthorized", DENIED, "")
    assert denied.headers["x-amzn-errortype"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (("Selling Partner Insights",), TRANSACTIONS + f"?postedAfter={SINCE}", 403),
        (("Finance and Accounting",), TRANSACTIONS + f"?postedAfter={SINCE}", 200),
        (("Finance and Accounting",), STOCK, 403),
        (("Amazon Fulfillment",), STOCK, 200),
        (("Brand Analytics",), f"{ORDERS}?lastUpdatedAfter={SINCE}", 403),
        (("Finance and Accounting",), "/sellers/v1/marketplaceParticipations", 403),
    ],
)
def test_operation_requires_the_role_of_the_application(
    tmp_path: Path, roles: tuple[str, ...], path: str, status: int
) -> None:
    amazon = amazon_with(tmp_path, roles=roles)
    answer = amazon.call(ALICE, amazon.connect(ALICE)["access_token"], path)
    assert answer.status_code == status
    if status == 403:
        assert reason(answer) == (403, "Unauthorized", DENIED, "")


def test_role_added_after_consent_is_denied_until_reauthorization(tmp_path: Path) -> None:
    """A role added later opens nothing before the seller authorises again."""
    amazon_with(tmp_path, roles=("Selling Partner Insights",)).connect(ALICE)
    later = amazon_with(tmp_path, roles=("Finance and Accounting", "Selling Partner Insights"))
    answer = later.call(
        ALICE, later.connect(ALICE)["access_token"], TRANSACTIONS + f"?postedAfter={SINCE}"
    )
    assert answer.status_code == 200
    old = amazon_with(tmp_path / "b", roles=("Selling Partner Insights",))
    token = old.connect(ALICE)["access_token"]
    newer = amazon_with(tmp_path / "b", roles=("Finance and Accounting",))
    assert newer.call(ALICE, token, TRANSACTIONS + f"?postedAfter={SINCE}").status_code == 403


def test_buckets_empty_refill_and_belong_to_one_seller(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, rate_scale=1.0)
    alice, charlie = (amazon.connect(seller)["access_token"] for seller in (ALICE, CHARLIE))
    first = amazon.call(ALICE, alice, STOCK)
    assert (first.status_code, first.headers["x-amzn-ratelimit-limit"]) == (200, "2.0")
    assert amazon.call(ALICE, alice, STOCK).status_code == 200
    refused = amazon.call(ALICE, alice, STOCK)
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["code"] == "QuotaExceeded"
    assert refused.headers["x-amzn-errortype"] == "TooManyRequestsException"
    assert "x-amzn-ratelimit-limit" not in refused.headers
    assert "retry-after" not in refused.headers
    assert amazon.call(CHARLIE, charlie, STOCK.replace(US, UK)).status_code == 200
    amazon.clock.pass_(seconds=0.4)
    assert amazon.call(ALICE, alice, STOCK).status_code == 429
    amazon.clock.pass_(seconds=0.2)
    assert amazon.call(ALICE, alice, STOCK).status_code == 200


def test_the_limit_is_shown_on_400_and_404_and_scaled(amazon: Amazon, alice: str) -> None:
    bad = amazon.call(ALICE, alice, ORDERS)
    assert (bad.status_code, bad.headers["x-amzn-ratelimit-limit"]) == (400, "5.6")
    missing = amazon.call(ALICE, alice, f"{ORDERS}/111-0000000-0000000")
    assert (missing.status_code, missing.headers["x-amzn-ratelimit-limit"]) == (404, "500.0")


def test_a_404_has_no_details_and_a_400_has_empty_ones(amazon: Amazon, alice: str) -> None:
    assert amazon.call(ALICE, alice, ORDERS).json()["errors"][0]["details"] == ""
    assert set(amazon.call(ALICE, alice, f"{ORDERS}/111-0000000-0000000").json()["errors"][0]) == {
        "code",
        "message",
    }


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(2.0, "2.0"), (0.0167, "0.0167"), (0.5, "0.5"), (0.0056, "0.0056"), (15.0, "15.0")],
)
def test_a_rate_is_shown_with_a_point(rate: float, shown: str) -> None:
    assert Buckets(1.0).shown(rate) == shown


@pytest.mark.parametrize("extra", ["&details=True", "&details=TRUE&unknownParameter=1"])
def test_inventory_accepts_uppercase_true_and_unknown_parameters(
    amazon: Amazon, alice: str, extra: str
) -> None:
    summaries = amazon.call(ALICE, alice, STOCK + extra).json()["payload"]["inventorySummaries"]
    assert all("inventoryDetails" in summary for summary in summaries)


def test_search_orders_has_a_burst_of_twenty(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, rate_scale=1.0)
    token = amazon.connect(ALICE)["access_token"]
    answers = [
        amazon.call(
            ALICE, token, f"{ORDERS}?lastUpdatedAfter={SINCE}&maxResultsPerPage=1"
        ).status_code
        for _ in range(21)
    ]
    assert answers == [200] * 20 + [429]


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"createdAfter={SINCE}&lastUpdatedAfter={SINCE}",
        f"createdAfter={SINCE}&lastUpdatedBefore={SINCE}",
        f"lastUpdatedAfter={SINCE}&createdBefore={SINCE}",
        f"lastUpdatedAfter={SINCE}&lastUpdatedBefore=2026-11-20T15:29:00Z",
        f"lastUpdatedAfter={SINCE}&lastUpdatedBefore=2026-11-01T00:00:00Z",
        "createdAfter=yesterday",
        f"createdafter={SINCE}",
        f"createdAfter={SINCE}&maxResultsPerPage=101",
        f"createdAfter={SINCE}&maxResultsPerPage=0",
        f"createdAfter={SINCE}&includedData=proceeds",
        f"createdAfter={SINCE}&fulfillmentStatuses=Shipped",
        f"createdAfter={SINCE}&paginationToken=nonsense",
    ],
)
def test_search_orders_with_invalid_parameters_is_400(
    amazon: Amazon, alice: str, query: str
) -> None:
    answer = amazon.call(ALICE, alice, f"{ORDERS}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "InvalidInput")


def pages(amazon: Amazon, token: str, path: str, parameter: str) -> list[Any]:
    found, following = [], ""
    while True:
        amazon.clock.pass_(milliseconds=50)
        page = amazon.call(ALICE, token, path + following).json()
        found.append(page)
        body = page.get("payload", page)
        next_token = body.get("pagination", body).get("nextToken") or page.get(
            "pagination", {}
        ).get("nextToken")
        if not next_token:
            return found
        following = f"&{parameter}={next_token}"


@pytest.mark.parametrize("bound", ["createdAfter", "lastUpdatedAfter"])
def test_pages_hold_every_order_once(amazon: Amazon, alice: str, bound: str) -> None:
    whole = pages(amazon, alice, f"{ORDERS}?{bound}=2026-11-17T00:00:00Z", "paginationToken")
    small = pages(
        amazon,
        alice,
        f"{ORDERS}?{bound}=2026-11-17T00:00:00Z&maxResultsPerPage=17",
        "paginationToken",
    )
    ids = [order["orderId"] for page in whole for order in page["orders"]]
    assert ids == [order["orderId"] for page in small for order in page["orders"]]
    assert len(set(ids)) == len(ids) > 100


def test_a_pagination_token_lives_a_day_and_belongs_to_its_question(
    amazon: Amazon, alice: str
) -> None:
    path = f"{ORDERS}?createdAfter=2026-11-10T00:00:00Z&maxResultsPerPage=5"
    token = amazon.call(ALICE, alice, path).json()["pagination"]["nextToken"]
    assert amazon.call(ALICE, alice, f"{path}&paginationToken={token}").status_code == 200
    assert (
        amazon.call(
            ALICE, alice, f"{path}&includedData=PROCEEDS&paginationToken={token}"
        ).status_code
        == 400
    )
    charlie = amazon.connect(CHARLIE)["access_token"]
    assert amazon.call(CHARLIE, charlie, f"{path}&paginationToken={token}").status_code == 400
    amazon.clock.pass_(hours=24, seconds=1)
    access = amazon.connect(ALICE)["access_token"]
    assert amazon.call(ALICE, access, f"{path}&paginationToken={token}").status_code == 400


def test_transactions_come_in_pages_of_which_some_are_empty(amazon: Amazon, alice: str) -> None:
    found = pages(amazon, alice, f"{TRANSACTIONS}?postedAfter=2026-10-01T00:00:00Z", "nextToken")
    sizes = [len(page["payload"]["transactions"]) for page in found]
    ids = [entry["transactionId"] for page in found for entry in page["payload"]["transactions"]]
    assert 0 in sizes[:-1]
    assert max(sizes) == 100
    assert len(set(ids)) == len(ids) > 1000


@pytest.mark.parametrize(
    "query",
    ["", "postedAfter=2026-11-20T15:29:00Z", "postedAfter=2026-11-01&postedBefore=2026-10-01",
        "relatedIdentifierName=ORDER_ID",
     "relatedIdentifierName=SHIPMENT_ID&relatedIdentifierValue=1",
     "postedAfter=2026-11-01&transactionStatus=released"],
)  # fmt: skip
def test_list_transactions_with_invalid_parameters_is_400(
    amazon: Amazon, alice: str, query: str
) -> None:
    assert amazon.call(ALICE, alice, f"{TRANSACTIONS}?{query}").status_code == 400


def test_more_than_180_days_are_silently_empty(amazon: Amazon, alice: str) -> None:
    answer = amazon.call(ALICE, alice, f"{TRANSACTIONS}?postedAfter=2026-01-01T00:00:00Z")
    assert answer.json() == {"payload": {"transactions": []}}


def test_some_transactions_appear_late(amazon: Amazon, alice: str) -> None:
    path = f"{TRANSACTIONS}?postedAfter=2026-11-19T00:00:00Z&postedBefore=2026-11-20T15:00:00Z"
    before = {
        entry["transactionId"]
        for page in pages(amazon, alice, path, "nextToken")
        for entry in page["payload"]["transactions"]
    }
    amazon.clock.pass_(hours=48)
    access = amazon.connect(ALICE)["access_token"]
    after = {
        entry["transactionId"]
        for page in pages(amazon, access, path, "nextToken")
        for entry in page["payload"]["transactions"]
    }
    assert before < after


def test_an_orders_transactions_are_found_by_its_id(amazon: Amazon, alice: str) -> None:
    orders = amazon.call(
        ALICE,
        alice,
        f"{ORDERS}?createdAfter=2026-10-20T00:00:00Z&fulfillmentStatuses=SHIPPED"
        f"&maxResultsPerPage=5",
    ).json()["orders"]
    path = f"{TRANSACTIONS}?relatedIdentifierName=ORDER_ID&relatedIdentifierValue="
    found = amazon.call(ALICE, alice, path + orders[0]["orderId"]).json()["payload"]["transactions"]
    assert found
    link = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": orders[0]["orderId"]}
    assert all(link in entry["relatedIdentifiers"] for entry in found)


def test_an_inventory_token_expires_after_thirty_seconds(amazon: Amazon, alice: str) -> None:
    first = amazon.call(ALICE, alice, STOCK + "&details=true").json()
    following = f"{STOCK}&details=true&nextToken={first['pagination']['nextToken']}"
    assert len(first["payload"]["inventorySummaries"]) == 50
    assert amazon.call(ALICE, alice, following).status_code == 200
    amazon.clock.pass_(seconds=31)
    assert amazon.call(ALICE, alice, following).status_code == 400


def test_a_marketplace_of_others_is_denied(amazon: Amazon, alice: str) -> None:
    assert amazon.call(ALICE, alice, STOCK.replace(US, UK)).status_code == 403


def test_sales_metrics_agree_with_the_orders(amazon: Amazon, alice: str) -> None:
    query = (
        f"marketplaceIds={US}&interval=2026-11-03T00:00:00-08:00--2026-11-06T00:00:00-08:00"
        "&granularity=Day&granularityTimeZone=America/Los_Angeles"
    )
    days = amazon.call(ALICE, alice, f"/sales/v1/orderMetrics?{query.replace('+', '%2B')}").json()[
        "payload"
    ]
    path = (
        f"{ORDERS}?createdAfter=2026-11-03T08:00:00Z&createdBefore=2026-11-06T07:59:59Z"
        f"&marketplaceIds={US}&includedData=PROCEEDS,FULFILLMENT"
    )
    orders = [
        order for page in pages(amazon, alice, path, "paginationToken") for order in page["orders"]
    ]
    sold = [
        order for order in orders
        if order["fulfillment"]["fulfillmentStatus"] != "CANCELLED"
        and order["salesChannel"]["channelName"] == "AMAZON"
        and "associatedOrders" not in order
    ]  # fmt: skip
    assert [day["interval"][:10] for day in days] == ["2026-11-03", "2026-11-04", "2026-11-05"]
    assert all(
        type(day["totalSales"]["amount"]) is float for day in days
    )  # As recorded; the model says a text.
    assert sum(day["orderCount"] for day in days) == len(sold) > 50
    assert sum(day["unitCount"] for day in days) == sum(
        item["quantityOrdered"] for order in sold for item in order["orderItems"]
    )


def test_far_east_seller_has_only_japanese_orders(amazon: Amazon) -> None:
    token = amazon.connect(DORA)["access_token"]
    answer = amazon.call(
        DORA, token, f"{ORDERS}?lastUpdatedAfter={SINCE}&includedData=PROCEEDS,EXPENSE"
    )
    assert answer.status_code == 200
    assert {order["salesChannel"]["marketplaceName"] for order in answer.json()["orders"]} <= {
        "Amazon.co.jp"
    }


def test_usage_plans_equal_amazons_documented_rates() -> None:
    plans = {operation.name: (operation.rate, operation.burst) for operation in OPERATIONS}
    assert plans["orders.searchOrders"] == (0.0056, 20)
    assert plans["reports.createReport"] == plans["reports.getReportDocument"] == (0.0167, 15)
    assert plans["sellers.getMarketplaceParticipations"] == (0.016, 15)
