"""The order decoder keeps what it names, and drops every person.

It notices what is new without reading it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.decoders import orders
from theseller.amazon.decoders.all_response_shapes import SHAPES
from theseller.amazon.decoders.orders import SEARCH_ORDERS, decode_order, decode_orders_page
from theseller.amazon.decoders.response_shape import Shape, Why, drift_paths, dropped
from theseller.amazon.errors import DriftedError, UnavailableError


def order(**changes: object) -> dict[str, Any]:
    return {
        "orderId": "902-1234567-0000001",
        "createdTime": "2026-11-20T23:30:00Z",
        "lastUpdatedTime": "2026-11-21T00:30:00+09:00",
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": "A1PA6795UKMFR9",
            "marketplaceName": "Amazon.de",
        },
        "buyer": {"buyerName": "Zora zzq1", "buyerEmail": "zzq1@marketplace.amazon.de"},
        "recipient": {
            "deliveryAddress": {"name": "Zora zzq1", "postalCode": "zzq1", "city": "zzq1"}
        },
        "fulfillment": {"fulfillmentStatus": "SHIPPED", "fulfilledBy": "AMAZON"},
        "orderItems": [
            {
                "orderItemId": "1",
                "quantityOrdered": 2,
                "product": {
                    "asin": "B000000001",
                    "title": "Soap",
                    "sellerSku": "SOAP-1",
                    "price": {"unitPrice": {"amount": "6.05", "currencyCode": "EUR"}},
                    "customization": {"customizedUrl": "https://zzq1.example/"},
                    "serialNumbers": ["zzq1"],
                },
                "proceeds": {
                    "proceedsTotal": {"amount": "12.10", "currencyCode": "EUR"},
                    "breakdowns": [
                        {"type": "ITEM", "subtotal": {"amount": "12.10", "currencyCode": "EUR"}},
                        {"type": "NEW_TYPE", "subtotal": {"amount": "0.10", "currencyCode": "EUR"}},
                    ],
                },
                "cancellation": {
                    "cancellationRequest": {"requester": "BUYER", "cancelReason": "zzq1"}
                },
                "fulfillment": {
                    "quantityFulfilled": 2,
                    "packing": {"giftOption": {"giftMessage": "zzq1", "giftWrapLevel": "red"}},
                },
            }
        ],
        **changes,
    }


def page(*found: dict[str, Any], **changes: object) -> bytes:
    return json.dumps(
        {
            "orders": list(found),
            "pagination": {"nextToken": "page-2"},
            "createdBefore": "2026-11-22T00:00:00Z",
            **changes,
        }
    ).encode()


def test_orders_page_is_decoded_without_personal_data() -> None:
    decoded = decode_orders_page(page(order()))
    assert decoded.next_token == "page-2"
    assert decoded.created_before == datetime(2026, 11, 22, tzinfo=UTC)
    assert decoded.drift == ()
    (one,) = decoded.orders
    assert one.last_updated_time == datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
    assert (one.status, one.marketplace_id, one.is_replacement) == (
        "SHIPPED",
        "A1PA6795UKMFR9",
        False,
    )
    (item,) = one.order_items
    assert item.unit_price is not None
    assert str(item.unit_price.amount) == "6.05"
    assert item.subtotal("ITEM") == orders.Amount(Decimal("12.10"), "EUR")
    assert item.subtotal("SHIPPING") is None
    assert [kind for kind, _, _ in item.lines()] == [ChargeType.PRINCIPAL, ChargeType.UNCLASSIFIED]
    assert not item.is_cancelled
    assert "zzq1" not in repr(decoded)
    assert b"zzq1" not in msgspec.json.encode(decoded)


def test_single_order_response_is_decoded() -> None:
    body = json.dumps(
        {
            "order": order(
                associatedOrders=[{"orderId": "1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]
            )
        }
    ).encode()
    decoded, drift = decode_order(body)
    assert decoded.is_replacement
    assert drift == ()


def test_orders_page_without_next_token_or_orders_is_decoded() -> None:
    assert decode_orders_page(b'{"orders":[],"pagination":{"nextToken":""}}').next_token is None
    assert decode_orders_page(b'{"orders":[],"pagination":null}').orders == ()


def test_a_pending_order_has_no_money_and_new_enum_values_pass() -> None:
    body = page(
        order(
            fulfillment={"fulfillmentStatus": "TELEPORTED"},
            orderItems=[{"orderItemId": "1", "quantityOrdered": 1, "product": {}}],
        )
    )
    (one,) = decode_orders_page(body).orders
    assert one.status == "TELEPORTED"
    assert one.order_items[0].lines() == []
    assert one.order_items[0].unit_price is None


@pytest.mark.parametrize(
    "amount", ["NaN", "Infinity", "-inf", "1e99", "12,10", "", "12.10 EUR", None, {}]
)
def test_an_amount_is_a_finite_number_or_the_page_is_refused_without_repeating_it(
    amount: object,
) -> None:
    broken = order(proceeds={"grandTotal": {"amount": amount, "currencyCode": "EUR"}})
    with pytest.raises(DriftedError) as caught:
        decode_orders_page(page(broken))
    assert "grandTotal" in caught.value.path
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"orderId": 17}, "orders[0].orderId"),
        ({"createdTime": "2026-11-20T23:30:00"}, "orders[0].createdTime"),
        ({"orderItems": None}, "orders[0].orderItems"),
        ({"salesChannel": "zzq1"}, "orders[0].salesChannel"),
    ],
)
def test_orders_page_with_another_shape_raises_drifted_error_with_its_path(
    change: dict[str, Any], path: str
) -> None:
    with pytest.raises(DriftedError) as caught:
        decode_orders_page(page(order(**change)))
    assert caught.value.path == path
    assert "zzq1" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", page(order())[:-40], b"\xff\xfe", b"[" * 50_000])
def test_orders_page_that_is_not_json_raises_amazon_error(body: bytes) -> None:
    with pytest.raises((UnavailableError, DriftedError)) as caught:
        decode_orders_page(body)
    assert "zzq1" not in str(caught.value)


def test_new_fields_are_noticed_everywhere_and_shown_harmlessly() -> None:
    body = page(
        order(
            buyer={"buyerName": "Zora", "nickName": "zzq1", "shoe": {"size": "zzq1"}},
            giftRegistry={"of": "zzq1"},
            salesChannel={
                "marketplaceId": "A1",
                "zora.zzq1@example.com": "x",
                "Zora Müller": 1,
                "0171-555123": 2,
            },
        ),
        totalCount=7,
    )
    expected = (
        "orders[].buyer.nickName",
        "orders[].buyer.shoe",
        "orders[].giftRegistry",
        "orders[].salesChannel.-",
        "totalCount",
    )
    assert decode_orders_page(body).drift == expected
    assert drift_paths(body, SEARCH_ORDERS) == expected


def test_order_field_of_another_type_is_reported_as_drift() -> None:
    assert drift_paths(page(order(buyer="zzq1")), SEARCH_ORDERS) == ("orders[].buyer",)
    assert drift_paths(page(order(packages={"a": 1})), SEARCH_ORDERS) == ("orders[].packages",)
    assert drift_paths(b'{"orders":[],"orders2":', SEARCH_ORDERS) == ("-",)


def test_drift_is_bounded_in_number_and_length() -> None:
    many = drift_paths(
        page(order(**{f"new{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(200)})),
        SEARCH_ORDERS,
    )
    assert len(many) == 50
    deep: dict[str, Any] = {}
    long = drift_paths(
        page(
            order(
                recipient={"deliveryAddress": {"extendedFields": {"x" * 48: deep, "x" * 90: deep}}}
            )
        ),
        SEARCH_ORDERS,
    )
    assert all(len(path) <= 120 for path in long)


def test_absent_and_null_order_fields_are_not_drift() -> None:
    assert (
        drift_paths(
            page(
                order(
                    buyer=None,
                    packages=None,
                    associatedOrders=[None],
                    recipient={"deliveryAddress": None},
                )
            ),
            SEARCH_ORDERS,
        )
        == ()
    )


_PERSONAL = (
    "buyer",
    "recipient",
    "address",
    "phone",
    "email",
    "name",
    "message",
    "reason",
    "note",
    "url",
    "tracking",
    "payment",
    "store",
)
#: Kept in spite of their names: none of them is about a person. The document's address is a
#: `Secret`.
_HARMLESS = {
    "channelName",
    "productName",
    "relatedIdentifierName",
    "itemRelatedIdentifierName",
    "deferralReason",
    "url",
}


@pytest.mark.parametrize("operation", sorted(SHAPES))
def test_kept_and_dropped_do_not_overlap_and_no_kept_path_is_personal(operation: str) -> None:
    shape = SHAPES[operation]
    assert not shape.kept & set(shape.dropped)
    suspicious = {
        path.rpartition(".")[2]
        for path in shape.kept
        if any(word in path.lower() for word in _PERSONAL)
    }
    assert suspicious <= _HARMLESS


class _LeakyBuyer(msgspec.Struct, rename="camel"):
    buyer_name: str


class _LeakyOrder(msgspec.Struct, rename="camel"):
    buyer: _LeakyBuyer


class _LeakyPage(msgspec.Struct):
    orders: list[_LeakyOrder]


def test_leak_checks_detect_an_additional_personal_field() -> None:
    """A struct that names one field too many is caught by each of the checks above."""
    leaky = Shape("searchOrders", _LeakyPage, dropped(pii="orders[].buyer: buyerName buyerEmail"))
    decoded = leaky.decode(page(order()))
    assert "zzq1" in repr(decoded)
    assert b"zzq1" in msgspec.json.encode(decoded)
    assert leaky.kept & set(leaky.dropped) == {"orders[].buyer.buyerName"}


def test_dropped_paths_are_parsed_from_their_notation() -> None:
    table = dropped(pii="a.b[]: c d[]\n\n: e", unneeded="f: g")
    assert table == {"a.b[].c": Why.PII, "a.b[].d[]": Why.PII, "e": Why.PII, "f.g": Why.UNNEEDED}
