# fields of whatever is made here
"""Orders, transactions, settlements and inventory: the newer wins, nothing is counted twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connections as databases
from tests.cast import Cast
from tests.conftest import as_role

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.decoders.inventory import Summary
from theseller.amazon.decoders.orders import decode_orders_page
from theseller.amazon.decoders.transactions import Transaction, TransactionItem, TransactionLine
from theseller.amazon.reports import (
    AllOrdersLine,
    ReportRefusedError,
    SettlementLine,
    SettlementSummary,
    TrafficDay,
    TrafficProduct,
)
from theseller.ingest.facts.fact_row_types import ProductRow
from theseller.ingest.facts.inventory_writer import write_inventory
from theseller.ingest.facts.ledger_writer import write_settlement, write_transactions
from theseller.ingest.facts.product_writer import write_products
from theseller.ingest.facts.source_documents import Document, record_document
from theseller.ingest.facts.traffic_writer import write_traffic
from theseller.ingest.facts.write_orders import write_api_orders, write_orders
from theseller.ingest.sync.unknown_field_records import note_drift
from theseller.ingest.types import DocumentOrigin, WriteResult
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS
from theseller.tenancy.tenant_scope import tenant_scope

US, MX = "ATVPDKIKX0DER", "A1AM78C64UM0Y8"
DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOUGHT = datetime(2026, 11, 10, 6, 30, tzinfo=UTC)  # the 9th in Los Angeles
CONNECTION = new_id()


class Shop:
    """Alice's shop, seen and written as the worker does."""

    def __init__(self, cast: Cast) -> None:
        self.tenant = cast.alices_shop

    def write(
        self,
        verb: Callable[..., WriteResult],
        *subjects: object,
        **extra: Any,  # noqa: ANN401
    ) -> WriteResult:
        with tenant_scope(self.tenant):
            return verb(*subjects, tenant=self.tenant, connection=CONNECTION, at=AT, **extra)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with tenant_scope(self.tenant), databases["default"].cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def dirty(self) -> set[tuple[str, date]]:
        return set(self.rows("select marketplace_id, local_day from ingest_dirty_day"))


@pytest.fixture
def shop(cast: Cast) -> Iterator[Shop]:
    with as_role("worker"):
        yield Shop(cast)


def line(
    sku: str = "MUG",
    *,
    order: str = "111-0000001-0000001",
    hours: int = 1,
    **changes: Any,  # noqa: ANN401
) -> AllOrdersLine:
    made = AllOrdersLine(
        line_number=2, occurrence=1, order_id=order, order_item_id="", purchased_at=BOUGHT,
        last_updated_at=BOUGHT + timedelta(hours=hours), order_status="Shipped",
        fulfilment_channel="Amazon", sales_channel="Amazon.com", marketplace=MARKETPLACES[US],
        sku=sku, asin="B000000001", title="A mug", item_status="Shipped", quantity=2,
        currency="USD", item_price=Decimal("19.98"), item_tax=Decimal("1.60"), shipping_price=None,
        shipping_tax=None, gift_wrap_price=None, gift_wrap_tax=None,
        item_promotion_discount=Decimal("1.00"), ship_promotion_discount=Decimal("0.50"),
        promotion_ids=(), is_business_order=False, is_replacement=None,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_order_line_is_stored_unchanged_with_the_local_day_of_the_store(shop: Shop) -> None:
    written = shop.write(write_orders, [[line()]])
    assert written == WriteResult(rows=1, days=1)
    assert shop.rows(
        "select local_day, status, fulfilment, quantity, item_price, promotion_discount,"
        " shipping_price from ingest_order_line"
    ) == [(date(2026, 11, 9), "shipped", "amazon", 2, Decimal("19.9800"), Decimal("1.5000"), None)]
    assert shop.rows("select sku, asin, title from ingest_product") == [
        ("MUG", "B000000001", "A mug")
    ]
    assert shop.dirty() == {(US, date(2026, 11, 9))}


def test_orders_written_as_structs_and_as_tuples_are_stored_alike(shop: Shop) -> None:
    shop.write(write_orders, [[line(), line("CUP", occurrence=1)]])
    stored = shop.rows(
        "select order_id, line_key, sku, quantity, item_price from ingest_order_line order by 1, 2"
    )
    again = shop.write(
        write_orders, [[msgspec.structs.astuple(line()), msgspec.structs.astuple(line("CUP"))]]
    )
    assert again == WriteResult(unchanged=1)
    assert (
        shop.rows(
            "select order_id, line_key, sku, quantity, item_price from ingest_order_line order by"
            " 1, 2"
        )
        == stored
    )


def test_order_line_is_replaced_by_newer_documents_only_and_never_removed(
    shop: Shop,
) -> None:
    shop.write(write_orders, [[line("MUG"), line("CUP")]])
    shop.rows("delete from ingest_dirty_day")
    cancelled = shop.write(
        write_orders, [[line("MUG", hours=5, item_status="Cancelled", quantity=0)]]
    )
    assert (cancelled.rows, cancelled.replaced, cancelled.days) == (1, 1, 1)
    found = [("CUP", "shipped", 2), ("MUG", "cancelled", 0)]
    assert shop.rows("select sku, status, quantity from ingest_order_line order by 1") == found
    assert shop.dirty() == {(US, date(2026, 11, 9))}
    older = shop.write(write_orders, [[line("MUG", hours=3), line("CUP", hours=0)]])
    assert (older.rows, older.outdated) == (0, 1)
    assert shop.rows("select sku, status, quantity from ingest_order_line order by 1") == found


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_documents_with_one_stamp_the_later_status_and_the_greater_value_hold(
    shop: Shop, first: int
) -> None:
    files = [
        line(item_price=Decimal("268.81"), order_status="Unshipped", item_status="Unshipped"),
        line(item_price=Decimal("271.81"), item_tax=None),
    ]
    for one in (files[first], files[1 - first], files[first]):
        shop.write(write_orders, [[one]])
    assert shop.rows("select status, item_price, item_tax from ingest_order_line") == [
        ("shipped", Decimal("271.8100"), Decimal("1.6000"))
    ]


def test_a_later_report_erases_nothing_that_only_the_api_says(shop: Shop) -> None:
    order = "111-0000001-0000001"
    api = decode_orders_page(json.dumps({"orders": [{
        "orderId": order, "createdTime": "2026-11-10T06:30:00Z",
        "lastUpdatedTime": "2026-11-10T07:30:00Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": US},
        "programs": ["AMAZON_BUSINESS"],
        "associatedOrders": [
            {"orderId": "111-0000000-0000000", "associationType": "REPLACEMENT_ORIGINAL_ID"},
        ],
        "fulfillment": {"fulfillmentStatus": "SHIPPED", "fulfilledBy": "AMAZON"},
        "orderItems": [{
            "orderItemId": "1", "quantityOrdered": 2, "fulfillment": {"quantityFulfilled": 2},
            "product": {"asin": "B000000001", "sellerSku": "MUG"},
        }],
    }]}).encode()).orders  # fmt: skip
    with tenant_scope(shop.tenant):
        write_api_orders(api, tenant=shop.tenant, connection=CONNECTION, at=AT)
    said = (
        "select line_key, is_replacement, is_business, quantity_shipped, fulfilment, item_price"
        " from ingest_order_line"
    )
    assert shop.rows(said) == [("1", True, True, 2, "amazon", None)]
    for hours in (1, 5):  # At the same stamp, and later.
        for item in ("1", ""):  # European reports have no item numbers.
            shop.write(
                write_orders,
                [
                    [
                        line(
                            hours=hours,
                            order_item_id=item,
                            item_price=Decimal(0),
                            is_business_order=None,
                            fulfilment_channel="",
                        )
                    ]
                ],
            )
            assert shop.rows(said) == [("1", True, True, 2, "amazon", Decimal("0.0000"))]
    assert shop.rows("select is_replacement from ingest_order_line") == [(True,)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {
                "item_price": Decimal(0),
                "ship_promotion_discount": None,
                "item_promotion_discount": None,
            },
            True,
        ),
        (
            {
                "item_price": Decimal(0),
                "ship_promotion_discount": None,
                "item_promotion_discount": None,
                "is_replacement": False,
            },
            False,
        ),
        (
            {
                "item_price": Decimal(0),
                "ship_promotion_discount": None,
                "item_promotion_discount": Decimal(5),
            },
            False,
        ),
        (
            {
                "item_price": Decimal(0),
                "ship_promotion_discount": None,
                "item_promotion_discount": None,
                "shipping_price": Decimal(4),
            },
            False,
        ),
        (
            {"item_price": None, "ship_promotion_discount": None, "item_promotion_discount": None},
            False,
        ),
        ({"is_replacement": True}, True),
    ],
)
def test_free_order_is_a_replacement_unless_amazon_says_otherwise(
    shop: Shop, changes: dict[str, Any], *, expected: bool
) -> None:
    shop.write(write_orders, [[line(**changes)]])
    assert shop.rows("select is_replacement from ingest_order_line") == [(expected,)]


def test_free_line_of_a_paid_order_is_not_a_replacement_in_any_order(shop: Shop) -> None:
    free: dict[str, Any] = {
        "item_price": Decimal(0),
        "ship_promotion_discount": None,
        "item_promotion_discount": None,
    }
    for order, lines in (
        ("111-0000001-0000001", [line("GIFT", **free), line("MUG")]),
        ("111-0000001-0000002", [line("MUG"), line("GIFT", **free)]),
    ):
        for one in lines:
            shop.write(write_orders, [[msgspec.structs.replace(one, order_id=order)]])
    assert shop.rows("select distinct is_replacement from ingest_order_line") == [(False,)]


def test_a_line_that_repeats_is_kept_as_often_as_it_was_sold(shop: Shop) -> None:
    shop.write(write_orders, [[line(occurrence=1), line(occurrence=2, line_number=3)]])
    assert shop.rows("select count(*), sum(quantity) from ingest_order_line") == [(2, 4)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("asin", ["", "B000000002"])
def test_order_line_without_a_line_number_is_one_line_for_any_asin(
    shop: Shop, asin: str, first: int
) -> None:
    files = [line(), line(hours=5, asin=asin)]
    for one in (files[first], files[1 - first]):
        shop.write(write_orders, [[one]])
    assert shop.rows("select asin, quantity from ingest_order_line") == [(asin or "B000000001", 2)]


def test_order_lines_too_old_or_outside_amazon_are_skipped_and_counted(shop: Shop) -> None:
    ancient = AT - timedelta(days=FACTS_KEPT_DAYS, seconds=1)
    written = shop.write(
        write_orders,
        [
            [
                line(order="111-0000001-0000002", purchased_at=ancient),
                line(marketplace=None, order="111-0000001-0000003"),
                line(),
            ]
        ],
    )
    assert (written.rows, written.too_old, written.elsewhere, written.skipped) == (1, 1, 1, 2)


def test_order_lines_are_invisible_to_another_tenant(shop: Shop, cast: Cast) -> None:
    shop.write(write_orders, [[line()]])
    with tenant_scope(cast.charlies_shop), databases["default"].cursor() as cursor:
        cursor.execute("select count(*) from ingest_order_line")
        assert cursor.fetchone() == (0,)


def test_rows_of_another_tenant_cannot_be_added(shop: Shop, cast: Cast) -> None:
    with pytest.raises(Exception, match="row-level security"), tenant_scope(cast.charlies_shop):
        write_orders([[line()]], tenant=shop.tenant, connection=CONNECTION, at=AT)
    assert shop.rows("select count(*) from ingest_order_line") == [(0,)]


def test_tenant_setting_changed_inside_a_statement_is_refused(shop: Shop, cast: Cast) -> None:
    shop.write(write_orders, [[line()]])
    steal = (
        "insert into ingest_order_line select set_config('theseller.tenant', %s, true)::uuid,"
        " local_day, order_id, line_key, connection_id, marketplace_id, purchased_at,"
        " last_updated_at, status, fulfilment, is_business, is_replacement, sku, asin, quantity,"
        " quantity_shipped, currency, item_price, item_tax, shipping_price, gift_wrap_price,"
        " promotion_discount, source from ingest_order_line"
    )
    with (
        pytest.raises(Exception, match="row-level security"),
        tenant_scope(shop.tenant),
        databases["default"].cursor() as cursor,
    ):
        cursor.execute(steal, [str(cast.charlies_shop)])


def transaction(
    key: str,
    status: str = "RELEASED",
    *,
    amount: str = "12.00",
    posted: datetime = BOUGHT,
    **names: str,
) -> Transaction:
    return Transaction(
        key=key, type="Shipment", status=status, posted_at=posted, total=Decimal(amount),
        currency="USD", marketplace_id=US,
        identifiers=(("ORDER_ID", "111-0000001-0000001"), *names.items()),
        items=(TransactionItem("MUG", "B000000001", 2, "AFN", ()),),
        lines=(
            TransactionLine(0, ("Sales", "Principal"), ChargeType.PRINCIPAL, Decimal(amount) + 3,
                "USD", 0, "MUG", "B000000001"),
            TransactionLine(1, ("Expenses", "Commission"), ChargeType.REFERRAL, Decimal(-3), "USD",
                0, "MUG", "B000000001"),
        ),
        mismatches=0, deferral_reason=None, matures_at=None,
    )  # fmt: skip


DEFERRED, LATER = transaction("T-1", "DEFERRED"), BOUGHT + timedelta(days=9)
RELEASE = transaction("T-2", posted=LATER, DEFERRED_TRANSACTION_ID="T-1")


@pytest.mark.parametrize(
    "pages",
    [
        [[DEFERRED], [RELEASE]],
        [[RELEASE], [DEFERRED]],
        [[DEFERRED, RELEASE]],
        [[RELEASE, DEFERRED]],
    ],
)
def test_a_deferred_sale_and_its_release_are_one_in_either_order(
    shop: Shop, pages: list[list[Transaction]]
) -> None:
    for page in pages:
        shop.write(write_transactions, page, marketplace_ids=[US])
    assert shop.rows("select distinct source_key, state from ingest_ledger_line") == [
        ("T-2", "released")
    ]
    assert shop.rows("select sum(amount), sum(quantity) from ingest_ledger_line") == [
        (Decimal("12.0000"), 2)
    ]
    assert (US, LATER.date() - timedelta(days=1)) in shop.dirty()
    if pages[0] == [DEFERRED]:
        assert (
            US,
            date(2026, 11, 9),
        ) in shop.dirty(), "the day that loses the deferred lines changes too"


def test_a_sale_released_under_its_own_id_is_not_deferred_again(shop: Shop) -> None:
    shop.write(write_transactions, [transaction("T-1")], marketplace_ids=[US])
    written = shop.write(write_transactions, [DEFERRED], marketplace_ids=[US])
    assert written.outdated == 1
    assert shop.rows("select distinct state from ingest_ledger_line") == [("released",)]


def test_a_transaction_is_replaced_by_its_correction_and_left_alone_by_its_repetition(
    shop: Shop,
) -> None:
    shop.write(write_transactions, [transaction("T-1")], marketplace_ids=[US])
    shop.rows("delete from ingest_dirty_day")
    assert shop.write(
        write_transactions, [transaction("T-1")], marketplace_ids=[US]
    ) == WriteResult(unchanged=1)
    assert shop.dirty() == set()
    assert (
        shop.write(
            write_transactions, [transaction("T-1", amount="11.00")], marketplace_ids=[US]
        ).replaced
        == 2
    )
    assert shop.rows("select sum(amount) from ingest_ledger_line") == [(Decimal("11.0000"),)]


def test_money_of_no_store_goes_to_amazon_s_only_store_of_its_currency(shop: Shop) -> None:
    lost = msgspec.structs.replace(transaction("T-3"), marketplace_id=None, currency="MXN")
    shop.write(write_transactions, [lost], marketplace_ids=[US, MX])
    assert shop.rows("select distinct marketplace_id from ingest_ledger_line") == [(MX,)]


@pytest.mark.parametrize("known_first", [True, False])
def test_euros_of_no_store_go_to_the_seller_s_only_store_and_to_none_of_several(
    shop: Shop, *, known_first: bool
) -> None:
    stores = [store.id for store in MARKETPLACES.values() if store.currency == "EUR"]
    lost = msgspec.structs.replace(transaction("T-3"), marketplace_id=None, currency="EUR")
    lost = msgspec.structs.replace(
        lost, lines=tuple(msgspec.structs.replace(one, currency="EUR") for one in lost.lines)
    )
    german = line(marketplace=MARKETPLACES[DE], currency="EUR")
    if known_first:
        shop.write(write_orders, [[german]])
        shop.write(write_transactions, [lost], marketplace_ids=stores)
    else:
        shop.write(write_transactions, [lost], marketplace_ids=stores)
        assert shop.rows("select distinct marketplace_id from ingest_ledger_line") == [("",)]
        shop.write(write_orders, [[german]])
    assert shop.rows("select distinct marketplace_id, local_day from ingest_ledger_line") == [
        (DE, date(2026, 11, 10))
    ]
    assert (DE, date(2026, 11, 10)) in shop.dirty()
    shop.write(
        write_orders,
        [[line(order="111-0000001-0000002", marketplace=MARKETPLACES[FR], currency="EUR")]],
    )
    assert shop.rows("select distinct marketplace_id from ingest_ledger_line") == [("",)]
    assert ("", date(2026, 11, 10)) in shop.dirty()


@pytest.mark.parametrize("pages", [[0, 1], [1, 0]])
def test_settlement_id_is_kept_if_a_later_response_omits_it(shop: Shop, pages: list[int]) -> None:
    answers = [
        transaction("T-1", FINANCIAL_EVENT_GROUP_ID="G", SETTLEMENT_ID="S"),
        transaction("T-1"),
    ]
    for page in pages:
        shop.write(write_transactions, [answers[page]], marketplace_ids=[US])
    assert shop.rows("select distinct settlement_id, group_id from ingest_ledger_line") == [
        ("S", "G")
    ]


def test_a_transaction_that_one_page_repeats_is_stored_once_as_it_was_stated_last(
    shop: Shop,
) -> None:
    page = [
        transaction("T-1", amount="13.00", SETTLEMENT_ID="S"),
        transaction("T-1"),
        transaction("T-1", "DEFERRED", amount="9.00"),
    ]
    shop.write(write_transactions, page, marketplace_ids=[US])
    stored = (
        "select sum(amount), sum(quantity), min(settlement_id), min(state) from ingest_ledger_line"
    )
    assert shop.rows(stored) == [(Decimal("12.0000"), 2, "S", "released")]


def test_a_release_includes_its_deferral_even_if_only_one_of_them_names_the_other(
    shop: Shop,
) -> None:
    shop.write(write_transactions, [DEFERRED], marketplace_ids=[US])
    shop.write(write_transactions, [transaction("T-2", posted=LATER)], marketplace_ids=[US])
    shop.write(
        write_transactions,
        [transaction("T-1", "DEFERRED_RELEASED", RELEASE_TRANSACTION_ID="T-2")],
        marketplace_ids=[US],
    )
    assert shop.rows("select distinct source_key, state from ingest_ledger_line") == [
        ("T-2", "released")
    ]
    assert (US, date(2026, 11, 9)) in shop.dirty()


def test_released_deferral_counts_until_a_release_transaction_names_it(
    shop: Shop,
) -> None:
    shop.write(write_transactions, [transaction("T-1", "DEFERRED_RELEASED")], marketplace_ids=[US])
    assert shop.rows("select distinct source_key, state from ingest_ledger_line") == [
        ("T-1", "released")
    ]
    shop.write(write_transactions, [RELEASE], marketplace_ids=[US])
    shop.write(write_transactions, [transaction("T-1", "DEFERRED_RELEASED")], marketplace_ids=[US])
    assert shop.rows("select distinct source_key, state from ingest_ledger_line") == [
        ("T-2", "released")
    ]


def settled(
    number: int,
    kind: ChargeType,
    amount: str,
    *,
    quantity: int | None = 2,
    marketplace: bool = True,
) -> SettlementLine:
    return SettlementLine(
        line_number=number, settlement_id="S1", transaction_type="Order",
        order_id="111-0000001-0000001", adjustment_id="", shipment_id="",
        marketplace_name="Amazon.com", marketplace=MARKETPLACES[US] if marketplace else None,
        amount_type="ItemPrice", amount_description=kind.value, kind=kind, amount=Decimal(amount),
        currency="USD", fulfillment_id="AFN", posted_at=BOUGHT, posted_date_only=False,
        order_item_code="1", sku="MUG", quantity_purchased=quantity, promotion_id="",
    )  # fmt: skip


def test_a_settlement_is_stored_once_with_its_units_counted_once(shop: Shop) -> None:
    summary = SettlementSummary(
        "S1", BOUGHT - timedelta(days=14), BOUGHT, BOUGHT, Decimal("9.00"), "USD"
    )
    lines = [
        settled(3, ChargeType.PRINCIPAL, "12.00"),
        settled(4, ChargeType.REFERRAL, "-2.00"),
        settled(5, ChargeType.SUBSCRIPTION, "-1.00", marketplace=False),
    ]
    assert shop.write(write_settlement, summary, lines, marketplace_ids=[US]).rows == 3
    assert shop.write(write_settlement, summary, lines, marketplace_ids=[US]) == WriteResult(
        unchanged=1
    )
    assert shop.rows(
        "select sum(amount), sum(quantity), count(distinct marketplace_id) from ingest_ledger_line"
    ) == [(Decimal("9.0000"), 2, 1)]


def test_a_settlement_of_fees_names_no_store_that_the_seller_does_not_have(shop: Shop) -> None:
    summary = SettlementSummary(
        "S1", BOUGHT - timedelta(days=14), BOUGHT, BOUGHT, Decimal("-23.80"), "EUR"
    )
    fees = [
        msgspec.structs.replace(
            settled(number, ChargeType.STORAGE, amount, marketplace=False),
            currency="EUR",
            order_id="",
        )
        for number, amount in ((3, "-20.00"), (4, "-3.80"))
    ]
    stores = [store.id for store in MARKETPLACES.values() if store.currency == "EUR"]
    shop.write(write_settlement, summary, fees, marketplace_ids=stores)
    assert shop.rows("select distinct marketplace_id, store_named from ingest_ledger_line") == [
        ("", False)
    ]
    shop.write(write_orders, [[line(marketplace=MARKETPLACES[DE], currency="EUR")]])
    assert shop.rows("select distinct marketplace_id from ingest_ledger_line") == [(DE,)]
    assert shop.write(write_settlement, summary, fees, marketplace_ids=stores) == WriteResult(
        unchanged=1
    )


def test_inventory_is_replaced_by_the_latest_pull(shop: Shop) -> None:
    first = [
        Summary(seller_sku="MUG", asin="B000000001", condition="NewItem", total_quantity=9),
        Summary(seller_sku="CUP", total_quantity=1),
    ]
    shop.write(write_inventory, first, marketplace_id=US)
    shop.write(
        write_inventory,
        [Summary(seller_sku="MUG", total_quantity=8, condition="NewItem")],
        marketplace_id=US,
    )
    assert shop.rows("select sku, total, fulfillable from ingest_inventory") == [("MUG", 8, 8)]


def test_a_title_that_is_missing_does_not_erase_the_one_that_is_known(shop: Shop) -> None:
    for asin, title, seen in (
        ("B000000001", "A mug", AT),
        ("", "", AT + timedelta(hours=1)),
        ("B0OLD00000", "An old mug", AT - timedelta(days=1)),
    ):
        with tenant_scope(shop.tenant):
            write_products(
                [ProductRow(US, "MUG", asin, title, seen)],
                tenant=shop.tenant,
                connection=CONNECTION,
            )
    assert shop.rows("select asin, title from ingest_product") == [("B000000001", "A mug")]


def test_restated_traffic_day_replaces_the_stored_day(shop: Shop) -> None:
    store = MARKETPLACES[US]
    day = TrafficDay(
        store, date(2026, 11, 9), "USD", Decimal("19.98"), 2, 1, 0, 2, 1, 40, 60, Decimal("95.5"),
        Decimal("5.0"),
    )  # fmt: skip
    product = TrafficProduct(
        store, date(2026, 11, 1), date(2026, 11, 9), daily=False, parent_asin="B000000001",
        child_asin=None, sku=None, currency="USD", ordered_product_sales=Decimal(1),
        units_ordered=1, order_items=1, sessions=1, page_views=1, buy_box_percentage=None,
        unit_session_percentage=None,
    )  # fmt: skip
    assert shop.write(write_traffic, [day, product]).elsewhere == 1
    shop.write(write_traffic, [msgspec.structs.replace(day, sessions=44)])
    assert shop.rows(
        "select asin, sessions, page_views, ordered_sales from ingest_traffic_day"
    ) == [("", 44, 60, Decimal("19.9800"))]


def test_a_document_is_recorded_once_for_its_source(shop: Shop) -> None:
    document = Document(
        DocumentOrigin.PULLED, "GET_X", "report:1", "ab" * 32, [US], BOUGHT, AT, 10, 1,
        ["ship-city"],
    )  # fmt: skip
    with tenant_scope(shop.tenant):
        first = record_document(document, tenant=shop.tenant, connection=CONNECTION, at=AT)
    with tenant_scope(shop.tenant):
        assert record_document(document, tenant=shop.tenant, connection=CONNECTION, at=AT) == first
    assert shop.rows("select rows_kept, columns_dropped from ingest_document") == [
        (10, ["ship-city"])
    ]


def test_drift_holds_paths_and_counts_only(shop: Shop) -> None:
    for _ in range(2):
        with tenant_scope(shop.tenant):
            note_drift(
                ["orders[].new", "looks like\ta value!"],
                operation="searchOrders",
                tenant=shop.tenant,
                connection=CONNECTION,
                at=AT,
            )
    assert shop.rows("select path, times_seen from ingest_drift order by path") == [
        ("-", 2),
        ("orders[].new", 2),
    ]


def test_orders_written_in_several_parts_are_stored_like_one_part(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theseller.ingest.facts.write_orders.PART_ROWS", 2)
    orders = [f"111-0000002-000000{number}" for number in range(4)]
    shop.write(
        write_orders,
        [
            [line("MUG", order=orders[0]), line("CUP", order=orders[0])],
            [line("MUG", order=orders[1], hours=9)],
        ],
    )
    # The lines of a new order (2) and of a known one (0) lie far apart; another known one (1) is
    # newer than what comes.
    batches = [
        [line("MUG", order=orders[2]), line("MUG", order=orders[0], hours=3)],
        [line("MUG", order=orders[1], hours=2), line("MUG", order=orders[3])],
        [line("CUP", order=orders[2]), line("POT", order=orders[0], hours=3)],
    ]
    written = shop.write(write_orders, batches)
    assert (written.rows, written.replaced, written.outdated) == (5, 1, 1)
    assert shop.rows("select order_id, sku from ingest_order_line order by 1, 2") == [
        (orders[0], "CUP"), (orders[0], "MUG"), (orders[0], "POT"), (orders[1], "MUG"),
        (orders[2], "CUP"), (orders[2], "MUG"), (orders[3], "MUG"),
    ]  # fmt: skip


def test_report_refused_at_its_end_stores_no_row(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theseller.ingest.facts.write_orders.PART_ROWS", 1)

    def cut() -> Iterator[list[AllOrdersLine]]:
        yield [line()]
        yield [line(order="111-0000001-0000009")]
        raise ReportRefusedError("the file ends in the middle of a row")

    with pytest.raises(ReportRefusedError):
        shop.write(write_orders, cut())
    assert shop.rows("select count(*) from ingest_order_line") == [(0,)]
