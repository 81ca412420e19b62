"""The world is a function: repeatable, consistent with itself, the same by every road."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.emulator.support import ALICE, CHARLIE, DORA, NOW

from theseller.emulator.reports import all_orders, document_rendering
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.spapi.order_json import OrderWriter
from theseller.emulator.spapi.transaction_json import BREAKDOWN_TYPES, TransactionWriter
from theseller.emulator.world.fees_and_reimbursements import months
from theseller.emulator.world.financial_events import of_order
from theseller.emulator.world.order_id_encoding import scramble, unscramble
from theseller.emulator.world.order_types import HORIZON_DAYS, Order
from theseller.emulator.world.products import catalogue
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.settlement_periods import period
from theseller.emulator.world.world_queries import World
from theseller.lib.money import parse_amount

WORLD = World(7)
days = st.dates(date(2024, 9, 1), date(2026, 11, 18))
sellers = st.sampled_from(sorted(SELLERS))


def aor(
    world: World, seller_id: str, report_type: str, start: datetime, end: datetime, at: datetime
) -> list[dict[str, str]]:
    text = document_rendering.render(
        world, ReportOrder(SELLERS[seller_id], report_type, start, end, at)
    )
    return list(csv.DictReader(io.StringIO(text or ""), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    order = ReportOrder(SELLERS[ALICE], all_orders.LAST_UPDATE, NOW - timedelta(days=10), NOW, NOW)
    first, second, other = (
        document_rendering.encode(
            document_rendering.render(World(seed), order) or "", "utf-8", compress=True
        )
        for seed in (7, 7, 8)
    )
    assert first == second
    assert first != other


@given(days, sellers)
@settings(max_examples=40, deadline=None)
def test_an_order_is_found_by_its_id_alone(day: date, seller_id: str) -> None:
    seller = SELLERS[seller_id]
    for store in seller.stores:
        for order in WORLD.orders_of_day(seller, store, day):
            assert WORLD.find_order(seller, order.id) is order
            assert store.marketplace.local_day(order.created) == day


@given(days, st.integers(0, 2), st.integers(0, 319))
def test_order_id_scrambling_is_reversible(day: date, store_index: int, sequence: int) -> None:
    seller = SELLERS[ALICE]
    assert unscramble(7, seller, scramble(7, seller, day, store_index, sequence)) == (
        day,
        store_index,
        sequence,
    )


def test_an_id_of_another_seller_is_not_found(world: World) -> None:
    order = world.orders_of_day(SELLERS[DORA], SELLERS[DORA].stores[0], date(2026, 3, 3))[0]
    assert world.find_order(SELLERS[ALICE], order.id) is None
    assert world.find_order(SELLERS[ALICE], "not-an-id") is None


@given(days, sellers)
@settings(max_examples=30, deadline=None)
def test_no_order_changes_after_the_horizon(day: date, seller_id: str) -> None:
    seller = SELLERS[seller_id]
    for order in WORLD.orders_of_day(seller, seller.stores[0], day):
        last = max([order.updates[-1], *(event.settled for event in of_order(7, order))])
        assert last < order.created + timedelta(days=HORIZON_DAYS)
        assert order.updates[0] == order.created
        assert all(before < after for before, after in pairwise(order.updates))


def line_totals(orders: list[Order], at: datetime) -> dict[str, Decimal]:
    """Day totals of item prices as searchOrders shows them, orders that ended or have not begun left out."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    writer = OrderWriter(7, at, frozenset({"PROCEEDS", "FULFILLMENT"}))
    for order in orders:
        body = writer.write(order)
        if (
            body["fulfillment"]["fulfillmentStatus"] in {"CANCELLED", "PENDING"}
            or body["salesChannel"]["channelName"] != "AMAZON"
        ):
            continue
        for item in body["orderItems"]:
            price = next(
                entry for entry in item["proceeds"]["breakdowns"] if entry["type"] == "ITEM"
            )
            totals[f"{body['salesChannel']['marketplaceName']} {body['createdTime'][:10]}"] += (
                Decimal(price["subtotal"]["amount"])
            )
    return totals


@pytest.mark.parametrize("seller_id", [ALICE, CHARLIE, DORA])
def test_day_totals_are_equal_in_search_orders_and_the_all_orders_report(
    world: World, seller_id: str
) -> None:
    seller, start, end = SELLERS[seller_id], NOW - timedelta(days=12), NOW
    from_report: dict[str, Decimal] = defaultdict(Decimal)
    for row in aor(world, seller_id, all_orders.ORDER_DATE, start, end, NOW):
        if row["order-status"] in {"Shipped", "Unshipped"} and row["sales-channel"] != "Non-Amazon":
            from_report[f"{row['sales-channel']} {row['purchase-date'][:10]}"] += Decimal(
                row["item-price"]
            )
    assert from_report == line_totals(
        list(
            world.orders_created(
                seller, list(seller.stores), start, end - timedelta(microseconds=1)
            )
        ),
        NOW,
    )
    assert len(from_report) >= 12


def test_proceeds_sum_to_their_totals(world: World) -> None:
    for seller in SELLERS.values():
        writer = OrderWriter(7, NOW, frozenset({"PROCEEDS"}))
        for order in world.orders_created(
            seller, list(seller.stores), NOW - timedelta(days=20), NOW - timedelta(days=10)
        ):
            body = writer.write(order)
            if "proceeds" not in body:
                continue
            parts = sum(
                Decimal(part["subtotal"]["amount"]) for part in body["proceeds"]["breakdowns"]
            )
            items = sum(
                Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in body["orderItems"]
            )
            assert parts == items == Decimal(body["proceeds"]["grandTotal"]["amount"])


def leaves(branches: Any) -> Decimal:  # noqa: ANN401
    """Add up the leaves, checking every parent on the way."""
    total = Decimal()
    for branch in branches:
        assert branch["breakdownType"] in BREAKDOWN_TYPES
        below = branch["breakdowns"] or []
        own = Decimal(str(branch["breakdownAmount"]["currencyAmount"]))
        assert not below or leaves(below) == own
        total += own
    return total


def test_breakdown_leaves_sum_to_transaction_and_item_totals(world: World) -> None:
    for seller in SELLERS.values():
        writer = TransactionWriter(world, seller.id, NOW)
        for store in seller.stores:
            for event in world.events(seller, store, NOW - timedelta(days=30), NOW):
                for entry in writer.entries(event):
                    body = entry.write()
                    total = Decimal(str(body["totalAmount"]["currencyAmount"]))
                    assert leaves(body["breakdowns"]) == total
                    for item in body["items"]:
                        owed = Decimal(str(item["totalAmount"]["currencyAmount"]))
                        assert (
                            leaves(item["breakdowns"]) == owed
                            if item["breakdowns"]
                            else body["transactionType"] == "Adjustment"
                        )


def test_transactions_have_the_shapes_of_recorded_ones(world: World) -> None:
    """Find the shapes of recorded transactions in the emulated ones.

    Statuses, contexts and breakdowns that are null, item trees without Sales and Expenses, and fees
    of a base and a tax.
    """
    statuses, groups, parts, ends = set(), set(), set(), set()
    writer = TransactionWriter(world, CHARLIE, NOW)
    seller = SELLERS[CHARLIE]
    for event in world.events(seller, seller.stores[0], NOW - timedelta(days=60), NOW):
        for entry in writer.entries(event):
            body = entry.write()
            statuses.add(body["transactionStatus"])
            assert body["contexts"] is None or body["contexts"]
            if body["items"] and body["transactionType"] != "Adjustment":
                ends |= {
                    str(group["breakdowns"])
                    for root in body["breakdowns"]
                    for group in root["breakdowns"]
                }
                trees = [group for item in body["items"] for group in item["breakdowns"]]
                groups |= {group["breakdownType"] for group in trees}
                fees = [
                    fee
                    for group in trees
                    if group["breakdownType"] == "AmazonFees"
                    for fee in group["breakdowns"]
                ]
                parts |= {
                    (fee["breakdownType"], part["breakdownType"])
                    for fee in fees
                    for part in fee["breakdowns"]
                }
    assert statuses == {None, "DEFERRED", "RELEASED", "DEFERRED_RELEASED"}
    assert (
        {"ProductCharges", "AmazonFees", "Shipping"}
        <= groups
        <= {"ProductCharges", "AmazonFees", "Shipping", "GiftWrap", "PromotionRebates"}
    )
    assert {
        ("Commission", "Base"),
        ("FBAPerUnitFulfillmentFee", "Base"),
        ("FBAPerUnitFulfillmentFee", "Tax"),
    } <= parts
    assert ends == {"None"}


@pytest.mark.parametrize("seller_id", [ALICE, CHARLIE, DORA])
def test_settlement_rows_sum_to_the_total_and_reserves_chain(world: World, seller_id: str) -> None:
    seller = SELLERS[seller_id]
    checked = 0
    for store in seller.stores:
        comma = seller_id == CHARLIE and store.marketplace.currency == "EUR"
        previous_reserve = None
        for index in range(20, 26):
            text = document_rendering.render_settlement(world, period(7, seller, store, index))
            summary, *rows = csv.DictReader(
                io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE
            )
            amounts = [parse_amount(row["amount"], decimal_comma=comma) for row in rows]
            assert sum(amounts) == parse_amount(summary["total-amount"], decimal_comma=comma)
            assert not summary["amount"]
            named = dict(zip((row["amount-description"] for row in rows), amounts, strict=True))
            if previous_reserve is not None:
                assert named.get("Previous Reserve Amount Balance", Decimal()) == -previous_reserve
            previous_reserve = named.get("Current Reserve Amount", Decimal())
            checked += len(rows)
    assert checked > 100


def test_emulated_finances_and_settlement_have_equal_amounts(world: World) -> None:
    seller = SELLERS[ALICE]
    store = seller.stores[0]
    closed = period(7, seller, store, 60)
    settled, opening, closing = world.settlement(closed)
    writer = TransactionWriter(world, seller.id, NOW)
    entries = [
        entry
        for event in world.events(seller, store, closed.start, closed.end)
        for entry in writer.entries(event)
    ]
    bodies = [entry.write() for entry in entries if closed.start <= entry.posted < closed.end]
    released = [body for body in bodies if body["transactionStatus"] in {"RELEASED", None}]
    total = sum(Decimal(str(body["totalAmount"]["currencyAmount"])) for body in released)
    assert total == Decimal(sum(event.total for event in settled)) / 100
    payout = writer.payout(closed)
    assert payout is not None
    assert (
        -Decimal(str(payout.write()["totalAmount"]["currencyAmount"]))
        == total + Decimal(opening - closing) / 100
    )


def test_a_deferred_sale_becomes_two_linked_transactions(world: World) -> None:
    seller = SELLERS[ALICE]
    store = seller.stores[0]
    events = world.events(seller, store, NOW - timedelta(days=40), NOW - timedelta(days=30))
    event = next(event for event in events if event.deferral == "DD7")
    before = [
        entry.write()
        for entry in TransactionWriter(
            world, seller.id, event.settled - timedelta(hours=1)
        ).entries(event)
    ]
    after = [
        entry.write() for entry in TransactionWriter(world, seller.id, event.settled).entries(event)
    ]
    assert [body["transactionStatus"] for body in before] == ["DEFERRED"]
    assert before[0]["contexts"][0]["maturityDate"].startswith(
        event.settled.strftime("%Y-%m-%dT%H:%M")
    )
    assert [body["transactionStatus"] for body in after] == ["DEFERRED_RELEASED", "RELEASED"]
    assert before[0]["transactionId"] == after[0]["transactionId"]
    link = {"relatedIdentifierName": "DEFERRED_TRANSACTION_ID", "relatedIdentifierValue": event.id}
    assert link in after[1]["relatedIdentifiers"]
    assert after[0]["totalAmount"] == after[1]["totalAmount"]


def test_every_settled_order_line_has_the_price_that_the_order_shows(world: World) -> None:
    seller = SELLERS[ALICE]
    settled, _, _ = world.settlement(period(7, seller, seller.stores[0], 61))
    shipments = [event for event in settled if event.kind == "Shipment" and event.order]
    assert len(shipments) > 100
    for event in shipments:
        for item in event.items:
            assert event.order is not None
            assert item.line in event.order.lines
            principal = sum(
                charge.amount
                for charge in item.charges
                if (charge.amount_type, charge.description) == ("ItemPrice", "Principal")
            )
            assert item.line is not None
            assert principal == item.line.price


def test_late_changes_of_old_orders_are_found_by_last_update(world: World) -> None:
    """A refund or late cancellation of an old order shows up in a window of today."""
    seller = SELLERS[ALICE]
    window = list(
        world.orders_updated(seller, list(seller.stores), NOW - timedelta(days=1), NOW, NOW)
    )
    ages = [NOW - order.created for order in window]
    assert max(ages) > timedelta(days=15)
    assert min(ages) < timedelta(days=1)


def test_the_all_orders_report_ignores_marketplaces(world: World) -> None:
    seller = SELLERS[CHARLIE]
    order = ReportOrder(
        seller,
        all_orders.ORDER_DATE,
        NOW - timedelta(days=5),
        NOW,
        NOW,
        (seller.stores[0].marketplace.id,),
    )
    rows = csv.DictReader(
        io.StringIO(document_rendering.render(world, order) or ""), delimiter="\t"
    )
    assert {"Amazon.co.uk", "Amazon.de", "Amazon.fr"} <= {row["sales-channel"] for row in rows}


def test_nothing_was_sold_before_a_shop_opened(world: World) -> None:
    seller = SELLERS[ALICE]
    assert not world.orders_of_day(seller, seller.stores[0], seller.opened - timedelta(days=1))
    empty = ReportOrder(
        seller,
        all_orders.ORDER_DATE,
        document_rendering.midnight(date(2020, 1, 1)),
        document_rendering.midnight(date(2020, 1, 5)),
        NOW,
    )
    assert document_rendering.render(world, empty) is None


def test_emulated_sales_have_a_long_tail_of_products(world: World) -> None:
    seller = SELLERS[ALICE]
    units: dict[str, int] = defaultdict(int)
    for order in world.orders_created(seller, [seller.stores[0]], NOW - timedelta(days=90), NOW):
        for line in order.lines:
            units[line.product.sku] += line.quantity
    ranked = sorted(units.values(), reverse=True)
    assert len(ranked) > 45
    assert sum(ranked[: len(ranked) // 5]) > 0.5 * sum(ranked)
    assert len({product.sku for product in catalogue(7, seller)}) == seller.products


def test_months_returns_first_days_of_all_touched_months() -> None:
    assert months(date(2026, 1, 31), date(2026, 3, 1)) == [
        date(2026, 1, 1),
        date(2026, 2, 1),
        date(2026, 3, 1),
    ]
