"""A transaction counts once, whatever else was settled that day.

By its settlement if that is stored, else by Finances. Worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.analytics.facts import DE, Shop

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics import tasks
from theseller.analytics.rollups.rollup_recount_check import differences

AT = datetime(2026, 10, 5, 12, 30, 5, tzinfo=UTC)
DAY = date(2026, 10, 5)
LATER = AT + timedelta(days=9)


@pytest.fixture
def shop() -> Shop:
    return Shop.open()


def net(shop: Shop) -> Decimal:
    """Return the net proceeds of all days, computed again."""
    shop.run(
        "insert into ingest_dirty_day select tenant_id, marketplace_id, local_day, now() from"
        " ingest_ledger_line group by 1, 2, 3 on conflict do nothing"
    )
    shop.roll_up()
    assert differences(shop.tenant, days=100, seed=1, using="worker")[0] == ()
    return Decimal(
        shop.select("select coalesce(sum(net_proceeds), 0) as n from analytics_day")[0]["n"]
    )


def deferred(shop: Shop) -> Decimal:
    return Decimal(shop.select("select coalesce(sum(deferred), 0) as n from analytics_day")[0]["n"])


def settled(
    shop: Shop,
    at: datetime,
    amount: object,
    number: str = "S1",
    **over: Any,  # noqa: ANN401 - any column
) -> None:
    line: dict[str, Any] = {
        "source": "settlement",
        "state": "settled",
        "source_key": number,
        "source_line": shop_line(shop),
    } | over
    shop.money(at, amount, **line)


def shop_line(shop: Shop) -> int:
    return int(shop.select("select count(*) as n from ingest_ledger_line")[0]["n"]) + 1


def test_a_second_settlement_stream_hides_no_other_order(shop: Shop) -> None:
    shop.money(AT, "100.00", order_id="303-1")
    shop.money(AT, "-7.00", ChargeType.STORAGE)
    shop.settlement(
        AT - timedelta(days=4), AT + timedelta(days=7)
    )  # It covers the day, and holds one invoiced order.
    settled(shop, AT, "30.00", order_id="303-9")
    assert net(shop) == Decimal(123)
    assert (shop.day(DAY)["ledger_source"], shop.day(DAY)["settled_net"]) == ("both", Decimal(30))


@pytest.mark.parametrize("state", ["deferred", "released"])
def test_a_deferred_sale_outlives_the_settlement_of_its_day(shop: Shop, state: str) -> None:
    shop.money(AT, "100.00", state=state, order_id="303-1")
    shop.money(AT, "8.00", ChargeType.ITEM_TAX, state=state, order_id="303-1", source_key="T-tax")
    shop.settlement(AT - timedelta(days=4), AT + timedelta(days=7))
    settled(shop, AT, "-5.00", kind=ChargeType.REFERRAL, order_id="303-2")
    assert (net(shop), deferred(shop)) == (
        (Decimal(-5), Decimal(108)) if state == "deferred" else (Decimal(95), Decimal(0))
    )


def test_a_transaction_of_a_stored_settlement_counts_there_whatever_its_lines_say(
    shop: Shop,
) -> None:
    shop.money(AT, "19.99", order_id="303-1", settlement_id="S1")
    settled(shop, AT + timedelta(hours=30), "20.00", order_id="303-1")
    assert net(shop) == Decimal(20)


def test_a_transaction_of_a_settlement_that_is_not_stored_counts_by_itself(shop: Shop) -> None:
    shop.money(AT, "20.00", order_id="303-1", settlement_id="S2")
    settled(shop, AT, "20.00", order_id="303-1")
    assert net(shop) == Decimal(40)


def test_event_group_is_matched_to_the_settlement_that_one_transaction_names(shop: Shop) -> None:
    shop.money(AT, "21.00", order_id="303-1", group_id="G1")
    settled(shop, AT + timedelta(days=5), "20.00", order_id="303-1")
    assert net(shop) == Decimal(41)
    shop.money(LATER, "-500.00", ChargeType.TRANSFER, group_id="G1", settlement_id="S1")
    assert net(shop) == Decimal(20)


def test_a_group_with_two_settlements_identifies_neither(shop: Shop) -> None:
    shop.money(AT, "21.00", order_id="303-1", group_id="G1")
    settled(shop, AT + timedelta(days=5), "20.00", order_id="303-1")
    for number in ("S1", "S2"):
        shop.money(LATER, "-500.00", ChargeType.TRANSFER, group_id="G1", settlement_id=number)
    assert net(shop) == Decimal(41)


@pytest.mark.parametrize(
    "later",
    [timedelta(), timedelta(milliseconds=400), timedelta(hours=9), timedelta(days=2, hours=20)],
)
def test_without_identifiers_order_and_amount_match(shop: Shop, later: timedelta) -> None:
    shop.money(AT, "24.00", order_id="303-1", source_key="T1")
    shop.money(AT, "-4.00", ChargeType.REFERRAL, order_id="303-1", source_key="T1", source_line=2)
    settled(shop, AT + later, "24.00", order_id="303-1")
    settled(shop, AT + later, "-4.00", kind=ChargeType.REFERRAL, order_id="303-1")
    assert net(shop) == Decimal(20)


def test_of_two_equal_refunds_only_the_settled_one_is_in_the_settlement(shop: Shop) -> None:
    for days in (0, 8):
        shop.money(
            AT + timedelta(days=days), "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1"
        )
    settled(
        shop, AT + timedelta(days=8), "-5.00", kind=ChargeType.REFUND_PRINCIPAL, order_id="303-1"
    )
    assert net(shop) == Decimal(-10)


def test_two_equal_refunds_at_one_instant_are_two(shop: Shop) -> None:
    for key in ("T1", "T2"):
        shop.money(AT, "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1", source_key=key)
    settled(
        shop, AT + timedelta(hours=1), "-5.00", kind=ChargeType.REFUND_PRINCIPAL, order_id="303-1"
    )
    assert net(shop) == Decimal(-10)
    settled(
        shop,
        AT + timedelta(hours=1),
        "-5.00",
        "S2",
        kind=ChargeType.REFUND_PRINCIPAL,
        order_id="303-1",
    )
    assert net(shop) == Decimal(-10)


def test_a_settlement_that_prints_only_the_day_is_matched_by_the_day(shop: Shop) -> None:
    shop.money(AT, "20.00", order_id="303-1")
    shop.money(AT + timedelta(hours=3), "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1")
    noon = AT.replace(hour=12, minute=0, second=0)
    settled(shop, noon, "20.00", order_id="303-1")
    settled(shop, noon, "-5.00", kind=ChargeType.REFUND_PRINCIPAL, order_id="303-1")
    assert net(shop) == Decimal(15)


def test_transaction_and_settlement_line_of_one_order_and_instant_count_once(shop: Shop) -> None:
    shop.money(AT, "20.00", order_id="303-1")
    settled(shop, AT, "19.50", order_id="303-1")
    assert net(shop) == Decimal("19.50")


def test_charges_without_an_order_are_matched_by_instant_and_amount(shop: Shop) -> None:
    shop.money(AT, "-23.80", ChargeType.STORAGE, sku=None)
    shop.money(
        AT, "-9.00", ChargeType.INBOUND, sku=None
    )  # Of another stream: in no settlement yet.
    settled(
        shop,
        AT,
        "-20.00",
        kind=ChargeType.STORAGE,
        sku=None,
        breakdown="FBA Inventory Storage Fee/Base fee",
        transaction_type="FBAFees",
    )
    settled(
        shop,
        AT,
        "-3.80",
        kind=ChargeType.STORAGE,
        sku=None,
        breakdown="FBA Inventory Storage Fee/Tax on fee",
        transaction_type="FBAFees",
    )
    settled(
        shop,
        AT,
        "900.00",
        kind=ChargeType.RESERVE,
        sku=None,
        breakdown="other-transaction/Previous Reserve Amount Balance",
    )
    assert net(shop) == Decimal("-32.80")


def test_charges_without_an_order_are_matched_by_the_day_where_only_that_is_printed(
    shop: Shop,
) -> None:
    noon = AT.replace(minute=0, second=0)
    for amount in ("-39.00", "-5.00", "-5.00"):
        shop.money(AT, amount, ChargeType.SUBSCRIPTION, sku=None)
        settled(
            shop,
            noon,
            amount,
            kind=ChargeType.SUBSCRIPTION,
            sku=None,
            breakdown="other-transaction/Subscription Fee",
        )
    shop.money(
        AT + timedelta(days=2), "-39.00", ChargeType.SUBSCRIPTION, sku=None
    )  # In no settlement yet.
    assert net(shop) == Decimal("-88.00")


def test_a_deferred_sale_that_a_settlement_paid_out_is_no_longer_deferred(shop: Shop) -> None:
    shop.money(AT, "20.00", state="deferred", order_id="303-1")
    settled(shop, LATER, "20.00", order_id="303-1")
    assert (net(shop), deferred(shop)) == (Decimal(20), Decimal(0))


def test_release_matches_a_settlement_dated_on_the_day_of_sale(shop: Shop) -> None:
    shop.money(LATER, "20.00", order_id="303-1", supersedes="T1")
    settled(shop, AT, "20.00", order_id="303-1")
    assert net(shop) == Decimal(20)


def period(shop: Shop, begins: datetime, days: int = 14, number: str = "S1") -> None:
    """Store when a settlement begins and ends, as its document says."""
    shop.settlement_document(begins, begins + timedelta(days=days), number=number)


@pytest.mark.parametrize("later", [2, 5, 9])
def test_a_release_settled_at_a_third_amount_counts_once(shop: Shop, later: int) -> None:
    shop.money(AT, "20.00", state="deferred", order_id="303-1", source_key="T1")
    shop.money(LATER, "19.00", order_id="303-1", supersedes="T1")
    period(shop, AT + timedelta(days=5))
    settled(shop, LATER + timedelta(days=later, minutes=7), "18.50", order_id="303-1")
    assert (net(shop), deferred(shop)) == (Decimal("18.50"), Decimal(0))


def test_a_deferred_sale_settled_at_another_amount_is_no_longer_deferred(shop: Shop) -> None:
    shop.money(AT, "20.00", state="deferred", order_id="303-1")
    settled(shop, LATER, "18.50", order_id="303-1")
    assert (net(shop), deferred(shop)) == (Decimal("18.50"), Decimal(0))


def test_a_changed_amount_of_another_product_or_period_is_another_transaction(shop: Shop) -> None:
    period(shop, AT)
    shop.money(AT + timedelta(days=1), "19.00", order_id="303-1", sku="MUG-2")
    shop.money(AT - timedelta(days=9), "17.00", order_id="303-2")
    for order in ("303-1", "303-2"):
        settled(shop, AT + timedelta(days=3), "18.50", order_id=order)
    assert net(shop) == Decimal("73.00")


@pytest.mark.parametrize("later", [4, 11])
@pytest.mark.parametrize("documented", [True, False])
def test_a_refund_settled_late_counts_once(shop: Shop, later: int, *, documented: bool) -> None:
    if documented:
        period(shop, AT - timedelta(days=1))
    shop.money(AT, "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1")
    settled(
        shop,
        AT + timedelta(days=later),
        "-5.00",
        kind=ChargeType.REFUND_PRINCIPAL,
        order_id="303-1",
    )
    assert net(shop) == Decimal(-5)


def test_equal_refund_of_a_later_settlement_period_is_counted_separately(shop: Shop) -> None:
    period(shop, AT + timedelta(days=4))
    shop.money(AT, "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1")
    settled(
        shop, AT + timedelta(days=5), "-5.00", kind=ChargeType.REFUND_PRINCIPAL, order_id="303-1"
    )
    assert net(shop) == Decimal(-10)


def test_refunds_that_were_all_settled_late_count_once_each(shop: Shop) -> None:
    period(shop, AT - timedelta(days=1))
    for days in (0, 1, 2):
        shop.money(
            AT + timedelta(days=days), "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1"
        )
    for days in (4, 5):
        settled(
            shop,
            AT + timedelta(days=days, hours=1),
            "-5.00",
            kind=ChargeType.REFUND_PRINCIPAL,
            order_id="303-1",
        )
    assert net(shop) == Decimal(-15)
    assert shop.day(DAY)["net_proceeds"] == Decimal(
        -5
    )  # The two before the postings are in them; the first is in no settlement yet.


def test_two_products_of_one_amount_are_distinguished(shop: Shop) -> None:
    period(shop, AT - timedelta(days=1))
    shop.money(AT, "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1", sku="MUG-1")
    shop.money(
        AT + timedelta(days=1), "-5.00", ChargeType.REFUND_PRINCIPAL, order_id="303-1", sku="MUG-2"
    )
    settled(
        shop,
        AT + timedelta(days=6),
        "-5.00",
        kind=ChargeType.REFUND_PRINCIPAL,
        order_id="303-1",
        sku="MUG-1",
    )
    assert net(shop) == Decimal(-10)
    found = shop.select(
        "select sku, sum(net_proceeds) as net from analytics_day_product group by sku order by sku"
    )
    assert [(row["sku"], row["net"]) for row in found] == [
        ("MUG-1", Decimal(-5)),
        ("MUG-2", Decimal(-5)),
    ]


@pytest.mark.parametrize("later", [timedelta(minutes=40), timedelta(hours=12), timedelta(days=4)])
def test_a_charge_without_an_order_across_midnight_counts_once(
    shop: Shop, later: timedelta
) -> None:
    late = AT.replace(hour=23, minute=50)
    period(shop, AT - timedelta(days=6))
    for amount in ("-39.00", "-7.00"):
        shop.money(late, amount, ChargeType.SUBSCRIPTION, sku=None)
    shop.money(
        late + timedelta(days=2), "-39.00", ChargeType.STORAGE, sku=None
    )  # Of the same amount, and in no settlement.
    settled(
        shop,
        late + later,
        "-39.00",
        kind=ChargeType.SUBSCRIPTION,
        sku=None,
        breakdown="other-transaction/Subscription Fee",
    )
    assert net(shop) == Decimal("-85.00")


def test_equal_charges_of_two_months_are_two(shop: Shop) -> None:
    period(shop, AT - timedelta(days=6))
    for days in (0, 31):
        shop.money(AT + timedelta(days=days), "-39.00", ChargeType.SUBSCRIPTION, sku=None)
    settled(shop, AT + timedelta(hours=13), "-39.00", kind=ChargeType.SUBSCRIPTION, sku=None)
    assert net(shop) == Decimal("-78.00")


def test_a_payment_before_the_deferred_sale_does_not_hide_the_one_after_it(shop: Shop) -> None:
    shop.money(AT, "20.00", state="deferred", order_id="303-1")
    for days in (-6, 8):  # The first is of a shipment that Finances does not tell of.
        settled(shop, AT + timedelta(days=days), "20.00", order_id="303-1")
    assert (net(shop), deferred(shop)) == (Decimal(40), Decimal(0))


def _covered_day_silenced(shop: Shop) -> None:
    """The former rule: a settlement that covers a day silences what Finances says of it."""
    shop.money(AT, "100.00", order_id="303-1")
    settled(shop, AT, "30.00", order_id="303-9")
    net(shop)
    shop.run(_PLANT.format("net_proceeds - 100, 'settlement', deferred"))


def _deferred_lost(shop: Shop) -> None:
    shop.money(AT, "100.00", state="deferred", order_id="303-1")
    settled(shop, AT, "30.00", order_id="303-9")
    net(shop)
    shop.run(_PLANT.format("net_proceeds, ledger_source, 0"))


def _deferred_in_net(shop: Shop) -> None:
    shop.money(AT, "100.00", state="deferred", order_id="303-1")
    settled(shop, AT, "30.00", order_id="303-9")
    net(shop)
    shop.run(_PLANT.format("net_proceeds + deferred, ledger_source, deferred"))


def _counted_twice(shop: Shop) -> None:
    shop.money(AT, "30.00", order_id="303-1")
    settled(shop, AT, "30.00", order_id="303-1")
    net(shop)
    shop.run(_PLANT.format("net_proceeds * 2, 'both', deferred"))


def _replacement_sold(shop: Shop) -> None:
    """A whole order for nothing, of which no document said what it is, counted as a sale."""
    shop.order(AT, "0.00", replacement_stated=None, is_replacement=False)
    shop.roll_up()


def _invented_store(shop: Shop) -> None:
    settled(
        shop,
        AT,
        "-20.00",
        kind=ChargeType.STORAGE,
        order_id=None,
        sku=None,
        store_named=False,
        marketplace_id=DE,
    )
    shop.roll_up()


_PLANT = (
    "with deleted as (delete from analytics_day returning *) insert into analytics_day (tenant_id,"
    " local_day, marketplace_id, currency, orders, cancelled_orders, pending_orders, order_items,"
    " units, unpriced_units, ordered_sales, promotions, refunds, product_sales, credits, discounts,"
    " refunded_sales, fees, advertising, reimbursements, unclassified, selling_fees,"
    " fulfilment_fees, storage_fees, computed_at, posted_orders, posted_lines, settled_net,"
    " ordered_tax, deferred_sales, net_proceeds, ledger_source, deferred) select tenant_id,"
    " local_day, marketplace_id, currency, orders, cancelled_orders, pending_orders, order_items,"
    " units, unpriced_units, ordered_sales, promotions, refunds, product_sales, credits, discounts,"
    " refunded_sales, fees, advertising, reimbursements, unclassified, selling_fees,"
    " fulfilment_fees, storage_fees, computed_at, posted_orders, posted_lines, settled_net,"
    " ordered_tax, deferred_sales, {} from deleted"
)


@pytest.mark.parametrize(
    ("plant", "column"),
    [
        (_covered_day_silenced, "net_proceeds"),
        (_deferred_lost, "deferred"),
        (_deferred_in_net, "net_proceeds"),
        (_counted_twice, "net_proceeds"),
        (_replacement_sold, "orders"),
        (_invented_store, "marketplace_id"),
    ],
)
def test_recount_detects_each_known_counting_error(
    shop: Shop, plant: Callable[[Shop], None], column: str
) -> None:
    plant(shop)
    found, _ = differences(shop.tenant, days=100, seed=1, using="worker")
    assert column in {one.column for one in found}


def test_the_nightly_recount_checks_every_shop_and_logs_differences_without_amounts(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    _deferred_lost(shop)
    assert shop.tenant in tasks.tenants_to_recount(using="worker")
    with caplog.at_level("ERROR"):
        assert tasks.verify(shop.tenant, using="worker") == 1
    [line] = [
        record.getMessage() for record in caplog.records if "figures_differ" in record.getMessage()
    ]
    assert DAY.isoformat() in line
    assert "deferred" in line
    assert "100" not in line.replace(str(shop.tenant), "")
