"""Transactions: leaves only, adding up to the total to the last digit.

Whatever Amazon prints around them.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.amazon.charge_classifier import ChargeType, ProfitLine, profit_line
from theseller.amazon.decoders.finances_balances_and_summaries import (
    decode_balances,
    decode_summaries,
)
from theseller.amazon.decoders.transactions import Transaction, decode_transactions
from theseller.amazon.errors import DriftedError
from theseller.emulator.spapi.transaction_json import TransactionWriter
from theseller.emulator.world.world_queries import World
from theseller.lib.money import minor_unit_digits


def money(amount: str, currency: str = "SEK") -> dict[str, Any]:
    return {"currencyAmount": f"@{amount}@", "currencyCode": currency}


def part(type_: str, amount: str, *below: dict[str, Any]) -> dict[str, Any]:
    return {
        "breakdownType": type_,
        "breakdownAmount": money(amount),
        "breakdowns": list(below) or None,
    }


def transaction(**changes: object) -> dict[str, Any]:
    return {
        "transactionType": "Shipment",
        "transactionId": "tx-1",
        "transactionStatus": "DEFERRED",
        "postedDate": "2026-11-20T12:45:47Z",
        "totalAmount": money("294.46"),
        "marketplaceDetails": {"marketplaceId": "A2NODRKZP88ZB9", "marketplaceName": "Amazon.se"},
        "relatedIdentifiers": [
            {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": "902-1"},
            {"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": "77"},
        ],
        "description": "zzq1",
        "contexts": [
            {
                "contextType": "DeferredContext",
                "deferralReason": "DD7",
                "maturityDate": "2026-11-30T00:00:00Z",
            }
        ],
        "items": [item()],
        "breakdowns": [
            part("Sales", "449", part("Tax", "89.80"), part("ProductCharges", "320")),
            part("Expenses", "-154.54"),
        ],
        **changes,
    }


def item(
    total: str = "294.46", breakdowns: list[dict[str, Any]] | None = None, sku: str = "TAB-1"
) -> dict[str, Any]:
    tree = [
        part("Tax", "89.80", part("OurPriceTax", "80"), part("ShippingTax", "9.80")),
        part("ProductCharges", "320", part("OurPricePrincipal", "320")),
        part("Shipping", "39.20", part("ShippingPrincipal", "39.20")),
        part(
            "AmazonFees",
            "-154.54",
            part(
                "FBAPerUnitFulfillmentFee", "-45.54", part("Base", "-36.43"), part("Tax", "-9.11")
            ),
            part("Commission", "-60", part("Base", "-60.00")),
            part("ShippingChargeback", "-49", part("Base", "-39.2"), part("Tax", "-9.8")),
        ),
        part("Promo", "0"),
    ]
    return {
        "description": "a tablet",
        "totalAmount": money(total),
        "breakdowns": tree if breakdowns is None else breakdowns,
        "relatedIdentifiers": [
            {
                "itemRelatedIdentifierName": "ORDER_ADJUSTMENT_ITEM_ID",
                "itemRelatedIdentifierValue": "6",
            }
        ],
        "contexts": [
            {
                "contextType": "ProductContext",
                "asin": "B1",
                "sku": sku,
                "quantityShipped": 1,
                "fulfillmentNetwork": "AFN",
            }
        ],
    }


def body(*found: dict[str, Any], **payload: object) -> bytes:
    text = json.dumps({"payload": {"transactions": list(found), **payload}})
    return (
        text.replace('"@', "").replace('@"', "").encode()
    )  # Amounts are JSON numbers, with the digits as written.


def decode(**changes: object) -> Transaction:
    (one,) = decode_transactions(body(transaction(**changes))).transactions
    assert sum((line.amount for line in one.lines), Decimal(0)) == one.total
    assert [line.position for line in one.lines] == list(range(len(one.lines)))
    return one


def test_breakdown_leaves_of_a_sale_become_ledger_lines() -> None:
    page = decode_transactions(body(transaction(), nextToken="more"))
    assert (page.next_token, page.mismatches, page.drift) == ("more", 0, ())
    one = decode()
    assert (one.key, one.status, one.order_id, one.settlement_id) == (
        "tx-1",
        "DEFERRED",
        "902-1",
        "77",
    )
    assert (one.total, one.currency, one.marketplace_id, one.deferral_reason) == (
        Decimal("294.46"),
        "SEK",
        "A2NODRKZP88ZB9",
        "DD7",
    )
    assert [(line.path[-1], line.kind, str(line.amount)) for line in one.lines] == [
        ("OurPriceTax", ChargeType.ITEM_TAX, "80"),
        ("ShippingTax", ChargeType.SHIPPING_TAX, "9.80"),
        ("OurPricePrincipal", ChargeType.PRINCIPAL, "320"),
        ("ShippingPrincipal", ChargeType.SHIPPING, "39.20"),
        ("Base", ChargeType.FBA_FULFILMENT, "-36.43"),
        ("Tax", ChargeType.FBA_FULFILMENT, "-9.11"),
        ("Base", ChargeType.REFERRAL, "-60.00"),
        ("Base", ChargeType.SHIPPING_CHARGEBACK, "-39.2"),
        ("Tax", ChargeType.SHIPPING_CHARGEBACK, "-9.8"),
    ]
    assert {(line.item, line.sku, line.asin) for line in one.lines} == {(0, "TAB-1", "B1")}
    assert one.items[0].quantity == 1
    assert "zzq1" not in repr(one)


def test_transaction_amounts_are_parsed_without_float() -> None:
    digits = "1234567890.1234567890123456789"
    (one,) = decode_transactions(
        body(transaction(items=None, breakdowns=None, totalAmount=money(digits)))
    ).transactions
    assert str(one.total) == digits


def test_missing_breakdown_leaf_is_added_as_one_unclassified_line() -> None:
    one = decode(items=[item(breakdowns=[part("ProductCharges", "290.00")])])
    assert one.mismatches == 1
    assert (one.lines[-1].kind, one.lines[-1].amount, one.lines[-1].sku) == (
        ChargeType.UNCLASSIFIED,
        Decimal("4.46"),
        "TAB-1",
    )


def test_missing_transaction_item_is_added_as_one_unclassified_line() -> None:
    one = decode(totalAmount=money("300"))
    assert (one.lines[-1].kind, one.lines[-1].amount, one.lines[-1].item) == (
        ChargeType.UNCLASSIFIED,
        Decimal("5.54"),
        None,
    )
    assert (
        decode_transactions(body(transaction(totalAmount=money("300")), transaction())).mismatches
        == 1
    )


def test_breakdown_leaf_in_another_currency_does_not_reduce_the_difference() -> None:
    foreign = {
        "breakdownType": "Commission",
        "breakdownAmount": money("-1", "EUR"),
        "breakdowns": [],
    }
    (one,) = decode_transactions(body(transaction(items=[item(breakdowns=[foreign])]))).transactions
    assert sum(line.amount for line in one.lines if line.currency == "SEK") == one.total
    assert one.mismatches == 1


def test_reimbursements_are_printed_on_the_whole_and_belong_to_the_items() -> None:
    items = [item("6.22", [], "SKU-A"), item("3.78", [], "SKU-B")]
    tree = [part("Sales", "10", part("FBAInventoryReimbursement", "10"))]
    one = decode(
        transactionType="FBAInventoryReimbursement",
        totalAmount=money("10"),
        items=items,
        breakdowns=tree,
    )
    assert [(line.kind, line.amount, line.sku) for line in one.lines] == [
        (ChargeType.REIMBURSEMENT, Decimal("6.22"), "SKU-A"),
        (ChargeType.REIMBURSEMENT, Decimal("3.78"), "SKU-B"),
    ]
    assert one.mismatches == 0


def test_several_leaves_on_the_whole_go_to_the_only_item() -> None:
    tree = [
        part("Sales", "20", part("ProductCharges", "20")),
        part("Expenses", "-10", part("AmazonFees", "-10")),
    ]
    one = decode(totalAmount=money("10"), items=[item("10", [])], breakdowns=tree)
    assert [(line.kind, line.sku) for line in one.lines] == [
        (ChargeType.PRINCIPAL, "TAB-1"),
        (ChargeType.OTHER_FEE, "TAB-1"),
    ]


def test_transaction_without_items_is_classified_by_its_type() -> None:
    bare = {
        "items": None,
        "breakdowns": None,
        "contexts": None,
        "relatedIdentifiers": None,
        "marketplaceDetails": None,
    }
    assert [line.kind for line in decode(transactionType="Transfer", **bare).lines] == [
        ChargeType.TRANSFER
    ]
    assert [line.kind for line in decode(transactionType="NewIn2031", **bare).lines] == [
        ChargeType.UNCLASSIFIED
    ]
    assert decode(transactionType="Shipment", totalAmount=money("0"), **bare).lines == ()


def test_refund_transaction_lines_are_classified_as_refunds() -> None:
    tree = [
        part("ProductCharges", "-10", part("OurPricePrincipal", "-10")),
        part("AmazonFees", "1.5", part("Commission", "1.5")),
    ]
    one = decode(transactionType="Refund", totalAmount=money("-8.5"), items=[item("-8.5", tree)])
    assert [line.kind for line in one.lines] == [ChargeType.REFUND_PRINCIPAL, ChargeType.REFERRAL]


def test_transaction_without_id_gets_a_stable_key_from_its_content() -> None:
    one, again = decode(transactionId=None), decode(transactionId=None)
    assert one.key.startswith("sha256:")
    assert one.key == again.key
    assert decode(transactionId=None, transactionStatus="DEFERRED_RELEASED").key == one.key
    assert decode(transactionId=None, postedDate="2026-11-20T12:45:48Z").key != one.key


def test_empty_transactions_pages_are_decoded() -> None:
    assert decode_transactions(b'{"payload":{"nextToken":"x"}}').next_token == "x"
    assert (
        decode_transactions(b'{"payload":{"transactions":null,"nextToken":null}}').transactions
        == ()
    )


def test_a_new_field_is_noticed_at_any_depth_and_named_once() -> None:
    strange = part("A", "1", part("B", "1", part("C", "1") | {"newest": "zzq1"}) | {"newest": 7})
    page = decode_transactions(
        body(transaction(items=[item("1", [strange])], totalAmount=money("1")))
    )
    assert page.drift == ("payload.transactions[].items[].breakdowns[].newest",)


@pytest.mark.parametrize(
    "text",
    [
        '{"payload":null}',
        '{"errors":[]}',
        '{"payload":{"transactions":[{"transactionType":"zzq1"}]}}',
    ],
)
def test_transactions_page_with_another_shape_raises_drifted_error(text: str) -> None:
    with pytest.raises(DriftedError) as caught:
        decode_transactions(text.encode())
    assert "zzq1" not in str(caught.value)


TREES = st.recursive(
    st.builds(
        part,
        st.sampled_from(["OurPricePrincipal", "Commission", "Other", "New"]),
        st.decimals(-999, 999, places=2).map(str),
    ),
    lambda below: st.builds(
        lambda name, parts: part(name, "0", *parts),
        st.sampled_from(["Sales", "Expenses"]),
        st.lists(below, max_size=3),
    ),
    max_leaves=8,
)


@given(
    st.lists(st.lists(TREES, max_size=3), max_size=3),
    st.lists(TREES, max_size=3),
    st.decimals(-999, 999, places=2).map(str),
)
def test_lines_always_add_up_to_the_total(
    items: list[list[dict[str, Any]]], tree: list[dict[str, Any]], total: str
) -> None:
    decode(items=[item(total, parts) for parts in items], breakdowns=tree, totalAmount=money(total))


def test_nested_balances_are_decoded_with_their_path() -> None:
    reserved = {
        "balanceType": "RESERVED",
        "amount": {"currencyAmount": 7000.5, "currencyCode": "USD"},
    }
    total = {
        "balanceType": "TOTAL",
        "amount": {"currencyAmount": 15000, "currencyCode": "USD"},
        "partnerMetadata": {"partnerId": "zzq1", "marketplaceId": "A1"},
        "asOfDate": "2026-11-20",
        "balances": [reserved],
    }
    page = decode_balances(json.dumps({"balances": [total]}).encode())
    assert [
        (line.path, line.amount, line.marketplace_id, line.as_of) for line in page.balances
    ] == [
        (("TOTAL",), Decimal(15000), "A1", "2026-11-20"),
        (("TOTAL", "RESERVED"), Decimal("7000.5"), "A1", "2026-11-20"),
    ]
    assert "zzq1" not in repr(page)
    assert page.drift == ()


def test_settlement_summaries_are_decoded() -> None:
    summary = {
        "netProceeds": {"currencyAmount": 8.01, "currencyCode": "USD"},
        "relatedIdentifiers": [
            {"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": "77"}
        ],
        "breakdowns": [
            {
                "breakdownType": "Sales",
                "breakdownAmount": {"currencyAmount": 9, "currencyCode": "USD"},
            }
        ],
    }
    (one,) = decode_summaries(json.dumps({"summaries": [summary]}).encode()).summaries
    assert (str(one.net_proceeds), one.currency, one.identifiers) == (
        "8.01",
        "USD",
        (("SETTLEMENT_ID", "77"),),
    )
    assert one.breakdowns == (("Sales", Decimal(9)),)


@pytest.mark.parametrize("seller_id", ["A2ALICEEXAMPLE1", "A3CHARLIEEXMPL", "A4DORAEXAMPLE22"])
def test_recorded_transactions_with_nulls_and_split_fees_add_up_to_the_cent(seller_id: str) -> None:
    """Decode statuses, contexts and breakdowns that are null.

    Also fees of a base and a tax, and items that name a total only.
    """
    at = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
    world = World(7)
    seller = world.sellers[seller_id]
    events = {
        event.id: event
        for store in seller.stores
        for event in world.events(seller, store, at - timedelta(days=40), at)
    }
    writer = TransactionWriter(world, seller_id, at)
    entries = {
        entry.id: (entry, event) for event in events.values() for entry in writer.entries(event)
    }
    body = {"payload": {"transactions": [entry.write() for entry, _ in entries.values()]}}
    page = decode_transactions(json.dumps(body).encode())
    assert (len(page.transactions), page.mismatches, page.drift) == (len(entries), 0, ())
    nulls = 0
    for transaction in page.transactions:
        entry, event = entries[transaction.key]
        nulls += transaction.status is None
        assert transaction.status in {None, entry.status}
        scale = Decimal(10) ** minor_unit_digits(transaction.currency)
        charges = [*event.charges, *(charge for one in event.items for charge in one.charges)]
        assert (
            sum(line.amount for line in transaction.lines)
            == transaction.total
            == Decimal(event.total) / scale
        )
        fees = sum(charge.amount for charge in charges if charge.amount_type == "ItemFees")
        read = sum(
            line.amount
            for line in transaction.lines
            if event.order and profit_line(line.kind) is ProfitLine.FEES
        )
        assert read == Decimal(fees) / scale
        by_sku = Counter[str]()
        for one in event.items:
            by_sku[one.product.sku] += sum(charge.amount for charge in one.charges)
        for sku, amount in by_sku.items():
            assert (
                sum(line.amount for line in transaction.lines if line.sku == sku)
                == Decimal(amount) / scale
            )
    assert nulls > 5
