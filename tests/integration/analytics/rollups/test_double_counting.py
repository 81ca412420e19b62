"""The ways in which Amazon's data invites counting something twice, or not at all.

Each is a test; figures are worked out by hand.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.integration.analytics.facts import DE, US, Shop

from theseller.amazon.charge_classifier import ChargeType
from theseller.lib.marketplaces import midnight

AT = datetime(2026, 10, 5, 12, tzinfo=UTC)
DAY = date(2026, 10, 5)


@pytest.fixture
def shop() -> Shop:
    return Shop.open()


def test_a_deferred_sale_and_its_release_are_one_sale(shop: Shop) -> None:
    deferred = shop.money(AT, "20.00", state="deferred")
    shop.roll_up()
    assert (shop.day(DAY)["net_proceeds"], shop.day(DAY)["deferred"]) == (Decimal(0), Decimal(20))
    shop.money(AT + timedelta(days=7), "20.00", state="released", supersedes=deferred)
    shop.mark(DE, DAY)
    shop.roll_up()
    assert shop.day(DAY) == {}
    released = shop.day(DAY + timedelta(days=7))
    assert (released["net_proceeds"], released["deferred"]) == (Decimal(20), Decimal(0))


def test_the_edges_of_an_imported_settlement_are_not_lost_to_a_seller_without_finances(
    shop: Shop,
) -> None:
    shop.money(AT, "20.00", source="settlement", state="settled")
    shop.roll_up()
    assert (shop.day(DAY)["net_proceeds"], shop.day(DAY)["ledger_source"]) == (
        Decimal(20),
        "settlement",
    )


@pytest.mark.parametrize(
    "kind",
    [
        ChargeType.RESERVE,
        ChargeType.TRANSFER,
        ChargeType.DEBT,
        ChargeType.WITHHELD_TAX,
        ChargeType.ITEM_TAX,
        ChargeType.SHIPPING_TAX,
    ],
)
def test_transfers_and_pass_through_money_are_in_no_figure(shop: Shop, kind: ChargeType) -> None:
    shop.money(AT, "20.00")
    shop.money(AT, "-500.00", kind)
    shop.roll_up()
    day = shop.day(DAY)
    assert day["net_proceeds"] == Decimal(20)
    assert {
        day[name]
        for name in (
            "fees",
            "credits",
            "discounts",
            "unclassified",
            "advertising",
            "reimbursements",
        )
    } == {Decimal(0)}


def test_a_line_of_an_unknown_charge_type_is_counted_and_shown_apart(shop: Shop) -> None:
    shop.money(AT, "-3.33", ChargeType.UNCLASSIFIED)
    shop.roll_up()
    assert (shop.day(DAY)["unclassified"], shop.day(DAY)["net_proceeds"]) == (
        Decimal("-3.33"),
        Decimal("-3.33"),
    )


def test_estimates_and_withdrawn_lines_are_in_no_exact_figure(shop: Shop) -> None:
    shop.money(AT, "20.00")
    shop.money(AT, "7.00", state="estimated")
    shop.money(AT, "9.00", state="reversed")
    shop.roll_up()
    assert shop.day(DAY)["net_proceeds"] == Decimal(20)


def test_cancelled_and_replacement_orders_are_no_sales_even_with_a_price(shop: Shop) -> None:
    shop.order(AT, "20.00")
    shop.order(AT, "30.00", status="cancelled")
    shop.order(AT, "40.00", is_replacement=True)
    shop.roll_up()
    day = shop.day(DAY)
    assert (day["orders"], day["units"], day["ordered_sales"], day["cancelled_orders"]) == (
        1,
        1,
        Decimal(20),
        1,
    )


def test_an_order_with_one_cancelled_line_is_an_order_and_no_cancelled_one(shop: Shop) -> None:
    order = shop.order(AT, "20.00")
    shop.order(AT, "30.00", status="cancelled", order_id=order, line_key="2")
    shop.roll_up()
    assert (
        shop.day(DAY)["orders"],
        shop.day(DAY)["cancelled_orders"],
        shop.day(DAY)["order_items"],
    ) == (1, 0, 1)


def test_two_lines_of_one_order_are_one_order_and_their_quantities_add(shop: Shop) -> None:
    order = shop.order(AT, "20.00", quantity=2)
    shop.order(AT, "30.00", quantity=3, order_id=order, line_key="2", sku="PAN-1")
    shop.roll_up()
    day = shop.day(DAY)
    assert (day["orders"], day["order_items"], day["units"], day["ordered_sales"]) == (
        1,
        2,
        5,
        Decimal(50),
    )


def test_the_quantity_that_a_settlement_repeats_on_each_component_is_not_units(shop: Shop) -> None:
    for number, kind in enumerate(
        (ChargeType.PRINCIPAL, ChargeType.REFERRAL, ChargeType.FBA_FULFILMENT)
    ):
        shop.money(
            AT,
            "1.00",
            kind,
            source="settlement",
            state="settled",
            quantity=4,
            source_key="S1",
            source_line=number,
        )
    shop.roll_up()
    assert shop.day(DAY)["units"] == 0


def test_pending_lines_without_a_price_count_as_units_that_await_one(shop: Shop) -> None:
    shop.order(AT, "20.00")
    shop.order(AT, None, status="pending", quantity=2)
    shop.roll_up()
    day = shop.day(DAY)
    assert (day["units"], day["unpriced_units"], day["pending_orders"], day["ordered_sales"]) == (
        3,
        2,
        1,
        Decimal(20),
    )


def test_promotion_discounts_are_negative_for_either_sign_of_the_source(shop: Shop) -> None:
    shop.order(AT, promotion_discount=Decimal("1.50"))
    shop.order(AT, promotion_discount=Decimal("-0.50"))
    shop.roll_up()
    assert shop.day(DAY)["promotions"] == Decimal("-2.00")


def test_a_refund_of_several_lines_is_one_refund(shop: Shop) -> None:
    shop.money(AT, "-20.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1", source_line=1)
    shop.money(AT, "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1", source_line=2)
    shop.money(AT, "-3.00", ChargeType.REFUND_SHIPPING, order_id="303-1", source_line=3)
    shop.roll_up()
    assert (shop.day(DAY)["refunds"], shop.day(DAY)["refunded_sales"]) == (1, Decimal(-28))


def test_two_currencies_of_one_store_are_never_added(shop: Shop) -> None:
    shop.money(AT, "20.00")
    shop.money(AT, "30.00", currency="USD")
    shop.roll_up()
    assert shop.day(DAY, currency="EUR")["net_proceeds"] == Decimal(20)
    assert shop.day(DAY, currency="USD")["net_proceeds"] == Decimal(30)


def test_net_proceeds_equal_the_sum_of_their_parts(shop: Shop) -> None:
    for number, kind in enumerate(ChargeType):
        shop.money(AT, f"{number + 1}.11", kind, source_line=number)
    shop.roll_up()
    day = shop.day(DAY)
    parts = (
        "product_sales",
        "credits",
        "discounts",
        "refunded_sales",
        "fees",
        "advertising",
        "reimbursements",
        "unclassified",
    )
    assert day["net_proceeds"] == sum(day[name] for name in parts)


def test_day_is_the_local_day_of_the_store_around_daylight_saving_changes(shop: Shop) -> None:
    # Pacific time goes back at 09:00Z on 1 November 2026 and went forward at 10:00Z on 8 March
    # 2026.
    for at, day in (
        (datetime(2026, 3, 8, 7, 59, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 9, 6, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 11, 1, 8, 30, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 7, 59, tzinfo=UTC), date(2026, 11, 1)),
    ):
        shop.order(at, store=US)
        shop.roll_up()
        assert shop.day(day, US)["orders"] >= 1
    assert midnight(US, date(2026, 11, 2)) - midnight(US, date(2026, 11, 1)) == timedelta(hours=25)
    assert shop.day(date(2026, 3, 8), US)["orders"] == 2
