"""Facts that are changed later.

Each appears in Amazon's answers from its instant on, and what was known before stays as it was.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.emulator.support import ALICE, CHARLIE, Amazon, Client

from theseller.emulator.app import create_app
from theseller.emulator.world.settlement_periods import INVOICED, STANDARD

US, UK = "ATVPDKIKX0DER", "A1F83G8C2ARO7P"
ORDERS = "/orders/2026-01-01/orders"
TRANSACTIONS = "/finances/2024-06-19/transactions"
SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
REPORTS = f"/reports/2021-06-30/reports?reportTypes={SETTLEMENT}&pageSize=100"


def token(amazon: Amazon, seller: str = ALICE) -> str:
    return amazon.connect(seller)["access_token"]


def ask(
    amazon: Amazon, path: str, seller: str = ALICE, params: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return an answer; wait for the quota where it is used up."""
    while (
        answer := amazon.call(seller, token(amazon, seller), path, params=params)
    ).status_code == 429:
        amazon.clock.pass_(milliseconds=100)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def change(amazon: Amazon, **fields: object) -> dict[str, Any]:
    answer = amazon.client.post("/_emulator/changes", json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def changeable(amazon: Amazon, kind: str, seller: str = ALICE) -> list[str]:
    found: list[str] = amazon.client.get(
        f"/_emulator/changeable?selling_partner_id={seller}"
    ).json()[kind]
    assert found
    return found


def transactions(amazon: Amazon, seller: str, since: str, **query: str) -> list[dict[str, Any]]:
    """Return every transaction posted since `since`, page by page."""
    found: list[dict[str, Any]] = []
    params = {"postedAfter": since, **query}
    while True:
        payload = ask(amazon, TRANSACTIONS, seller, params)["payload"]
        found += payload["transactions"]
        if "nextToken" not in payload:
            return found
        params["nextToken"] = payload["nextToken"]


def settlements(amazon: Amazon, seller: str = ALICE) -> dict[str, dict[str, Any]]:
    """Return the seller's settlement reports by report id."""
    reports = ask(amazon, REPORTS, seller)["reports"]
    return {report["reportId"]: report for report in reports}


def document(amazon: Amazon, report: dict[str, Any], seller: str = ALICE) -> list[dict[str, str]]:
    """Return the rows of a settlement report by column."""
    described = ask(amazon, f"/reports/2021-06-30/documents/{report['reportDocumentId']}", seller)
    header, *rows = amazon.client.get(described["url"]).text.splitlines()
    return [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]


def test_a_late_refund_is_posted_now_and_moves_the_order(amazon: Amazon) -> None:
    order_id = changeable(amazon, "refund")[-1]
    path = f"{ORDERS}/{order_id}?includedData=PROCEEDS"
    before = ask(amazon, path)["order"]
    known = {
        entry["transactionId"] for entry in transactions(amazon, ALICE, "2026-11-12T00:00:00Z")
    }
    amazon.clock.pass_(hours=1)
    at = change(amazon, kind="refund", order_id=order_id, percent=50)["at"]
    amazon.clock.pass_(minutes=3)
    after = ask(amazon, path)["order"]
    assert before["lastUpdatedTime"] < after["lastUpdatedTime"] == at.replace("+00:00", "Z")
    assert {**before, "lastUpdatedTime": ""} == {**after, "lastUpdatedTime": ""}
    (refund,) = [
        entry for entry in transactions(amazon, ALICE, at) if entry["transactionType"] == "Refund"
        and {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order_id}
        in entry["relatedIdentifiers"]
    ]  # fmt: skip
    assert refund["transactionId"] not in known
    assert refund["postedDate"] == at.replace("+00:00", "Z")
    paid = sum(
        (
            Decimal(item["proceeds"]["breakdowns"][0]["subtotal"]["amount"])
            for item in after["orderItems"]
        ),
        Decimal(0),
    )
    back = next(
        group
        for group in refund["items"][0]["breakdowns"]
        if group["breakdownType"] == "ProductCharges"
    )
    assert abs(Decimal(str(back["breakdownAmount"]["currencyAmount"])) + paid / 2) <= Decimal(
        "0.01"
    )
    again = amazon.client.post("/_emulator/changes", json={"kind": "refund", "order_id": order_id})
    assert (again.status_code, "nothing left to refund" in again.text) == (400, True)


def test_a_refund_of_an_order_of_long_ago_is_listed(amazon: Amazon) -> None:
    """Later than any refund that the world makes by itself."""
    world, seller = amazon.emulator.world, amazon.emulator.world.sellers[ALICE]
    start = amazon.clock.at - timedelta(days=200)
    old = next(
        order for order in world.orders_created(
            seller, [seller.stores[0]], start, start + timedelta(days=3)
        )
        if order.status(amazon.clock.at) == "SHIPPED" and not order.off_amazon
        and not order.replaces and not any(line.refund for line in order.lines)
    )  # fmt: skip
    at = change(amazon, kind="refund", order_id=old.id)["at"]
    amazon.clock.pass_(minutes=5)
    listed = transactions(amazon, ALICE, at)
    assert [
        old.id in str(entry["relatedIdentifiers"])
        for entry in listed
        if entry["transactionType"] == "Refund"
    ].count(True) == len(old.lines)
    query = f"lastUpdatedAfter={at.replace('+', '%2B')}"
    updated = ask(amazon, f"{ORDERS}?{query}")["orders"]
    assert old.id in {order["orderId"] for order in updated}


def test_a_canceled_order_never_ships_and_costs_nothing(amazon: Amazon) -> None:
    order_id = changeable(amazon, "cancel")[0]
    change(amazon, kind="cancel", order_id=order_id)
    amazon.clock.pass_(days=30)
    order = ask(amazon, f"{ORDERS}/{order_id}?includedData=FULFILLMENT")["order"]
    assert order["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    query = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order_id}
    assert ask(amazon, TRANSACTIONS, params=query)["payload"]["transactions"] == []
    assert order_id not in changeable(amazon, "cancel") + changeable(amazon, "refund")


def deferred(amazon: Amazon, store: str) -> Decimal:
    balances = ask(amazon, f"/finances/2024-06-19/balances?marketplaceIds={store}")["balances"]
    reserved = [
        part
        for balance in balances
        for part in balance["balances"]
        if part["balanceType"] == "RESERVED"
    ]
    return sum(
        (Decimal(str(part["balances"][0]["amount"]["currencyAmount"])) for part in reserved),
        Decimal(0),
    )


def test_emulated_release_repeats_every_deferred_transaction_as_released(
    amazon: Amazon,
) -> None:
    stated = transactions(
        amazon, ALICE, "2026-10-01T00:00:00Z", transactionStatus="DEFERRED", marketplaceId=US
    )
    assert len(stated) > 20
    assert deferred(amazon, US) > 0
    amazon.clock.pass_(minutes=5)
    at = change(amazon, kind="release", selling_partner_id=ALICE, marketplace_id=US)["at"]
    amazon.clock.pass_(minutes=5)
    assert deferred(amazon, US) == 0
    now = {
        entry["transactionId"]: entry
        for entry in transactions(amazon, ALICE, "2026-10-01T00:00:00Z", marketplaceId=US)
    }
    ids = {entry["transactionId"] for entry in stated}
    assert {now[one]["transactionStatus"] for one in ids} == {"DEFERRED_RELEASED"}
    twins = [
        entry for entry in now.values() if any(
            link["relatedIdentifierName"] == "DEFERRED_TRANSACTION_ID"
            and link["relatedIdentifierValue"] in ids
            for link in entry["relatedIdentifiers"]
        )
    ]  # fmt: skip
    assert len(twins) == len(stated)
    assert {(twin["transactionStatus"], twin["postedDate"]) for twin in twins} == {
        ("RELEASED", at.replace("+00:00", "Z"))
    }
    assert sum(twin["totalAmount"]["currencyAmount"] for twin in twins) == pytest.approx(
        sum(one["totalAmount"]["currencyAmount"] for one in stated)
    )


def test_a_settlement_closed_early_is_reported_at_once_and_the_next_goes_on(amazon: Amazon) -> None:
    before = settlements(amazon)
    texts = {report_id: document(amazon, report) for report_id, report in before.items()}
    group = {
        link["relatedIdentifierValue"]
        for entry in transactions(amazon, ALICE, "2026-11-19T00:00:00Z", marketplaceId=US)
        for link in entry["relatedIdentifiers"]
        if link["relatedIdentifierName"] == "FINANCIAL_EVENT_GROUP_ID"
    }
    cut = change(amazon, kind="close", selling_partner_id=ALICE, marketplace_id=US)["at"]
    amazon.clock.pass_(minutes=5)
    new = settlements(amazon).keys() - before.keys()
    assert len(new) == 1
    rows = document(amazon, settlements(amazon)[next(iter(new))])
    assert sum(Decimal(row["amount"]) for row in rows[1:]) == Decimal(rows[0]["total-amount"])
    assert rows[0]["settlement-end-date"][:10] == cut[:10]
    query = {
        "relatedIdentifierName": "FINANCIAL_EVENT_GROUP_ID",
        "relatedIdentifierValue": next(iter(group)),
    }
    of_group = ask(amazon, TRANSACTIONS, params=query)["payload"]["transactions"]
    assert of_group
    assert {("SETTLEMENT_ID", rows[0]["settlement-id"])} == {
        (link["relatedIdentifierName"], link["relatedIdentifierValue"])
        for entry in of_group for link in entry["relatedIdentifiers"]
        if link["relatedIdentifierName"] == "SETTLEMENT_ID"
    }  # fmt: skip
    amazon.clock.pass_(days=16)
    later = settlements(amazon)
    assert all(
        document(amazon, later[report_id]) == text
        for report_id, text in texts.items()
        if report_id in later
    )
    following = [
        document(amazon, report)
        for report_id, report in later.items()
        if report_id not in before.keys() | new
    ]
    mine = [
        found
        for found in following
        if found[0]["settlement-start-date"] == rows[0]["settlement-end-date"]
    ]
    assert len(mine) == 1
    kept = [
        -Decimal(row["amount"])
        for row in rows
        if row["amount-description"] == "Current Reserve Amount"
    ]
    assert kept == [
        Decimal(row["amount"])
        for row in mine[0]
        if row["amount-description"] == "Previous Reserve Amount Balance"
    ]


def test_invoiced_orders_get_settlements_of_their_own_over_the_same_days(amazon: Amazon) -> None:
    change(amazon, kind="invoiced", selling_partner_id=ALICE, marketplace_id=US)
    before = settlements(amazon)
    amazon.clock.pass_(days=21)
    at = amazon.clock.at.isoformat()
    for stream in (STANDARD, INVOICED):
        change(amazon, kind="close", selling_partner_id=ALICE, marketplace_id=US, stream=stream)
    amazon.clock.pass_(minutes=5)
    rows = [
        document(amazon, report)
        for report_id, report in settlements(amazon).items()
        if report_id not in before
    ]
    closing = [
        found for found in rows if found[0]["settlement-end-date"][:16] == at[:16].replace("T", " ")
    ]
    assert len(closing) == 2
    orders = [{row["order-id"] for row in found if row["order-id"]} for found in closing]
    assert orders[0].isdisjoint(orders[1])
    streams: dict[str, set[str]] = {}
    for entry in transactions(amazon, ALICE, "2026-11-20T16:00:00Z", marketplaceId=US):
        for link in entry["relatedIdentifiers"]:
            if link["relatedIdentifierName"] == "SETTLEMENT_ID":
                streams.setdefault(link["relatedIdentifierValue"], set()).add(
                    entry["sellingPartnerMetadata"]["accountType"]
                )
    ids = [found[0]["settlement-id"] for found in closing]
    assert {frozenset(streams[one]) for one in ids if one in streams} == {
        frozenset({STANDARD}),
        frozenset({INVOICED}),
    }
    balances = ask(amazon, f"/finances/2024-06-19/balances?marketplaceIds={US}")["balances"]
    assert {balance["partnerMetadata"]["accountType"] for balance in balances} == {
        STANDARD,
        INVOICED,
    }


def test_every_transaction_is_in_exactly_one_settlement_whatever_is_closed(amazon: Amazon) -> None:
    """Σ of the settlements' rows = Σ of the released transactions, over both streams and five settlements."""
    start = amazon.clock.at
    change(amazon, kind="invoiced", selling_partner_id=CHARLIE, marketplace_id=UK)
    for kind in (STANDARD, INVOICED, STANDARD, INVOICED, STANDARD):
        amazon.clock.pass_(days=9)
        change(amazon, kind="close", selling_partner_id=CHARLIE, marketplace_id=UK, stream=kind)
    amazon.clock.pass_(days=3)
    seller = amazon.emulator.world.sellers[CHARLIE]
    periods = [
        one
        for one in amazon.emulator.world.periods_published(seller, start, amazon.clock.at)
        if one.store is seller.stores[0]
    ]
    settled = [
        event.id for period in periods for event in amazon.emulator.world.settlement(period)[0]
    ]
    assert len(settled) == len(set(settled))
    ended = {
        stream: max(period.end for period in periods if period.stream == stream)
        for stream in (STANDARD, INVOICED)
    }
    first = min(period.start for period in periods)
    events = amazon.emulator.world.events(seller, seller.stores[0], first, amazon.clock.at)
    due = {
        event.id
        for event in events
        if first <= event.settled < ended[amazon.emulator.world.stream_of(seller, event)]
    }
    assert set(settled) == due


def test_changes_outlive_a_restart(amazon: Amazon) -> None:
    order_id = changeable(amazon, "refund")[0]
    made = change(amazon, kind="refund", order_id=order_id)
    listed = transactions(amazon, ALICE, "2026-11-18T00:00:00Z")
    amazon.start()
    assert amazon.client.get("/_emulator/changes").json() == {"changes": [made]}
    assert transactions(amazon, ALICE, "2026-11-18T00:00:00Z") == listed


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "'kind' must be one of"),
        ({"kind": "explode"}, "'kind' must be one of"),
        ({"kind": "refund"}, "'order_id' must be"),
        ({"kind": "refund", "order_id": "111-0000000-0000000"}, "'order_id' must be"),
        ({"kind": "release"}, "'selling_partner_id' must be"),
        (
            {"kind": "release", "selling_partner_id": ALICE, "marketplace_id": UK},
            "'marketplace_id' must be",
        ),
        (
            {
                "kind": "close",
                "selling_partner_id": ALICE,
                "marketplace_id": US,
                "stream": INVOICED,
            },
            "'stream' must be one of",
        ),
    ],
)
def test_invalid_emulator_change_is_refused(
    amazon: Amazon, fields: dict[str, str], problem: str
) -> None:
    answer = amazon.client.post("/_emulator/changes", json=fields)
    assert (answer.status_code, problem in answer.json()["error"]) == (400, True)
    assert amazon.client.get("/_emulator/changes").json() == {"changes": []}


def test_a_shipped_order_cannot_be_canceled_nor_another_share_refunded(amazon: Amazon) -> None:
    shipped = changeable(amazon, "refund")[0]
    assert (
        amazon.client.post(
            "/_emulator/changes", json={"kind": "cancel", "order_id": shipped}
        ).status_code
        == 400
    )
    for percent in (0, 101, "half", 1.5, None):
        assert (
            amazon.client.post(
                "/_emulator/changes",
                json={"kind": "refund", "order_id": shipped, "percent": percent},
            ).status_code
            == 400
        )
    assert (
        amazon.client.post(
            "/_emulator/changes",
            json={"kind": "refund", "order_id": changeable(amazon, "cancel")[0]},
        ).status_code
        == 400
    )


def test_the_clock_moves_by_days_and_not_before_a_change(amazon: Amazon) -> None:
    now = amazon.emulator.now()
    assert amazon.client.post("/_emulator/clock", json={"days": 12}).status_code == 200
    assert amazon.emulator.now() - now == timedelta(days=12)
    change(amazon, kind="release", selling_partner_id=ALICE, marketplace_id=US)
    refused = amazon.client.post("/_emulator/clock", json={"offset_seconds": 0})
    assert (refused.status_code, "before a change" in refused.text) == (400, True)
    for days in (0, -1, 366, "x"):
        assert amazon.client.post("/_emulator/clock", json={"days": days}).status_code == 400


def test_the_page_has_a_form_for_every_change(amazon: Amazon) -> None:
    page = amazon.client.get("/_emulator/").text
    for kind in ("refund", "cancel", "release", "close", "invoiced", "jump"):
        assert f'name="kind" value="{kind}"' in page
    order_id = changeable(amazon, "refund")[0]
    assert order_id in page
    form = {"kind": "refund", "seller": ALICE, "order_id": order_id, "percent": "30"}
    answer = amazon.client.post("/_emulator/", data=form)
    assert answer.status_code == 303
    shown = amazon.client.get(answer.headers["location"]).text
    assert f"Refunded 30% of order {order_id}" in shown
    amazon.client.post(
        "/_emulator/", data={"kind": "invoiced", "selling_partner_id": ALICE, "marketplace_id": US}
    )
    assert "settlement of invoiced orders" in amazon.client.get("/_emulator/").text
    moved = amazon.client.post(
        "/_emulator/", data={"kind": "jump", "seller": CHARLIE, "days": "12"}
    )
    assert "2026-12-02" in amazon.client.get(moved.headers["location"]).text
    wrong = amazon.client.post("/_emulator/", data={"kind": "refund", "order_id": "<b>"})
    assert (wrong.status_code, "Nothing was changed" in wrong.text, "<b>" in wrong.text) == (
        400,
        True,
        False,
    )


def test_emulator_changes_from_other_hosts_or_sites_are_refused(amazon: Amazon) -> None:
    foreign = Client(create_app(amazon.config), "192.0.2.7")
    body = {"kind": "release", "selling_partner_id": ALICE, "marketplace_id": US}
    assert foreign.post("/_emulator/changes", json=body).status_code == 400
    assert foreign.post("/_emulator/", data=body).status_code == 403
    assert foreign.get("/_emulator/").status_code == 403
    cross = {"sec-fetch-site": "cross-site"}
    assert amazon.client.post("/_emulator/", data=body, headers=cross).status_code == 403
    assert amazon.client.get("/_emulator/changes").json() == {"changes": []}
