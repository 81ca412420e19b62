"""Whatever bytes an answer holds, a decoder ends with its value or with an AmazonError.

The error holds none of the bytes.
"""

from __future__ import annotations

import codecs
import gzip
import json
import random
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from theseller.amazon.decoders.finances_balances_and_summaries import (
    decode_balances,
    decode_summaries,
)
from theseller.amazon.decoders.inventory import decode_inventory
from theseller.amazon.decoders.marketplace_participations import decode_participations
from theseller.amazon.decoders.order_metrics import decode_order_metrics
from theseller.amazon.decoders.orders import decode_order, decode_orders_page
from theseller.amazon.decoders.recipients import decode_slip_data
from theseller.amazon.decoders.reports_api import (
    decode_created_report,
    decode_report,
    decode_report_document,
    decode_reports,
)
from theseller.amazon.decoders.response_shape import is_whole_json
from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.errors import AmazonError, DriftedError, UnavailableError

_MONEY = {"currencyAmount": 1.5, "currencyCode": "EUR"}
_AMOUNT = {"amount": "1.50", "currencyCode": "EUR"}
_WHEN = "2026-03-01T10:00:00Z"
_ITEM = {
    "orderItemId": "1",
    "quantityOrdered": 1,
    "product": {"sellerSku": "SKU", "title": "TITLE"},
    "proceeds": {"breakdowns": [{"type": "ITEM", "subtotal": _AMOUNT}]},
}
_ORDER = {
    "orderId": "302-1234567-1234567",
    "createdTime": _WHEN,
    "lastUpdatedTime": _WHEN,
    "salesChannel": {"marketplaceId": "A1PA6795UKMFR9"},
    "orderItems": [_ITEM],
    "fulfillment": {"fulfillmentStatus": "SHIPPED"},
}
_REPORT = {"reportId": "R", "reportType": "T", "processingStatus": "DONE", "createdTime": _WHEN}
_TRANSACTION = {
    "postedDate": _WHEN,
    "totalAmount": _MONEY,
    "transactionType": "Shipment",
    "transactionId": "T1",
    "breakdowns": [{"breakdownType": "Sales", "breakdownAmount": _MONEY}],
    "items": [{"totalAmount": _MONEY, "contexts": [{"sku": "SKU", "quantityShipped": 1}]}],
}
#: Each decoder with an answer that it reads.
ANSWERS: dict[Callable[[bytes], object], dict[str, Any]] = {
    decode_balances: {
        "balances": [{"balanceType": "TOTAL", "amount": _MONEY, "asOfDate": "2026-03-01"}]
    },
    decode_summaries: {
        "summaries": [
            {
                "netProceeds": _MONEY,
                "breakdowns": [{"breakdownType": "X", "breakdownAmount": _MONEY}],
            }
        ]
    },
    decode_transactions: {"payload": {"transactions": [_TRANSACTION], "nextToken": "N"}},
    decode_inventory: {
        "payload": {
            "inventorySummaries": [{"sellerSku": "SKU", "totalQuantity": 3, "productName": "TITLE"}]
        }
    },
    decode_orders_page: {"orders": [_ORDER], "pagination": {"nextToken": "N"}},
    decode_order: {"order": _ORDER},
    decode_slip_data: {"order": _ORDER},
    decode_reports: {"reports": [_REPORT], "nextToken": "N"},
    decode_report: _REPORT,
    decode_created_report: {"reportId": "R"},
    decode_report_document: {
        "reportDocumentId": "D",
        "url": "https://x.example/",
        "compressionAlgorithm": "GZIP",
    },
    decode_order_metrics: {
        "payload": [
            {
                "interval": "I",
                "unitCount": 1,
                "orderItemCount": 1,
                "orderCount": 1,
                "totalSales": _AMOUNT,
            }
        ]
    },
    decode_participations: {
        "payload": [{"marketplace": {"id": "A1"}, "participation": {"isParticipating": True}}]
    },
}
SECRET = "ZZQ1SECRET"  # what no error may repeat
_VALUES = [
    b"null", b"true", b"-1", b"1e999999999", b"1e-999999999", b"9" * 60_000, b"9" * 4_000,
    b"99999999999999999999", b"NaN", b'""', b'"ZZQ1SECRET"', b'"ZZQ1SECRET\xe9"',
    b'"\\ud800ZZQ1SECRET"', b'"ZZQ1SECRET\\u0000"', b'"0001-01-01T00:00:00+14:00"',
    b'"9999-12-31T23:59:59-12:00"', b"[]", b"{}", b"[[[[]]]]", b'{"ZZQ1SECRET":1}',
    b'{"ZZQ1SECRET\xff":1}', b"[" * 5_000 + b"]" * 5_000,
]  # fmt: skip
_by_name = pytest.mark.parametrize(
    "decode", list(ANSWERS), ids=[decode.__name__ for decode in ANSWERS]
)


def _try(decode: Callable[[bytes], object], body: bytes) -> None:
    try:
        decode(body)
    except AmazonError as error:
        trace = "".join(traceback.TracebackException.from_exception(error).format())
        assert SECRET not in trace
        assert error.__context__ is None


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    below = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for key, child in below for place in _places(child, (*path, key)))]


def _put(answer: dict[str, Any], place: tuple[Any, ...], value: bytes) -> bytes:
    """Return `answer` as JSON with the bytes `value` at `place`."""
    if not place:
        return value
    copy = json.loads(json.dumps(answer))
    at = copy
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = "HERE"
    return json.dumps(copy).encode().replace(b'"HERE"', value)


@_by_name
def test_each_decoder_accepts_its_sample_response(decode: Callable[[bytes], object]) -> None:
    decode(json.dumps(ANSWERS[decode]).encode())


@_by_name
def test_a_wrong_value_in_any_place_is_an_amazon_error(decode: Callable[[bytes], object]) -> None:
    for place in _places(ANSWERS[decode]):
        for value in _VALUES:
            _try(decode, _put(ANSWERS[decode], place, value))


@_by_name
def test_a_cut_a_byte_or_a_second_key_anywhere_is_an_amazon_error(
    decode: Callable[[bytes], object],
) -> None:
    body = json.dumps(ANSWERS[decode]).encode()
    chance = random.Random(decode.__name__)  # the same cases each time  # noqa: S311
    for place in range(len(body)):
        _try(decode, body[:place])
        _try(decode, body[:place] + bytes([chance.randrange(128, 256)]) + body[place:])
        _try(decode, body[:place] + bytes([chance.randrange(256)]) + body[place + 1 :])
    _try(decode, body[:-1] + b"," + body[1:])
    _try(decode, body.replace(b"{", b'{"unknown":"ZZQ1SECRET\xe9",'))
    _try(decode, gzip.compress(body))
    _try(decode, b"\xef\xbb\xbf" + body)
    _try(decode, body.decode().encode("utf-16"))


def test_invalid_utf8_in_a_kept_text_is_an_amazon_error_without_the_text() -> None:
    body = (
        b'{"payload":{"inventorySummaries":[{"sellerSku":"S","productName":"Caf\xe9 ZZQ1SECRET"}]}}'
    )
    with pytest.raises(DriftedError) as caught:  # To ask again would not help.
        decode_inventory(body)
    assert SECRET not in repr(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        b"ZZQ1SECRET\xe9",
        b"ZZQ1SECRET\\ud800",
        b"\\udc00ZZQ1SECRET",
        b"ZZQ1SECRET\\u0000",
        b"\xed\xa0\x80ZZQ1SECRET",
    ],
)
def test_invalid_text_raises_drifted_error_and_truncated_body_unavailable_error(
    text: bytes,
) -> None:
    body = b'{"payload":{"inventorySummaries":[{"sellerSku":"S","productName":"%s"}]}}' % text
    with pytest.raises(DriftedError) as caught:
        decode_inventory(body)
    assert SECRET not in "".join(traceback.TracebackException.from_exception(caught.value).format())
    for cut in range(1, len(body)):
        with pytest.raises(UnavailableError):
            decode_inventory(body[:cut])


def test_a_null_character_in_a_dropped_text_does_no_harm() -> None:
    item = _ITEM | {
        "cancellation": {
            "cancellationRequest": {"requester": "BUYER", "cancelReason": "ZZQ1SECRET\x00"}
        }
    }
    page = decode_orders_page(json.dumps({"orders": [_ORDER | {"orderItems": [item]}]}).encode())
    assert SECRET not in repr(page)


def test_duplicate_json_key_is_decoded_deterministically() -> None:
    body = (
        b'{"payload":{"inventorySummaries":'
        b'[{"sellerSku":"S","totalQuantity":3,"totalQuantity":4}]}}'
    )
    assert decode_inventory(body) == decode_inventory(body)
    assert "totalQuantity" not in repr(decode_inventory(body).drift)


@pytest.mark.parametrize("element", ["{}", "null", "[]", '""', "0"])
@_by_name
def test_a_list_of_millions_is_refused_before_it_becomes_objects(
    decode: Callable[[bytes], object], element: str
) -> None:
    answer = ANSWERS[decode]
    bomb = f"[{','.join([element] * 500_000)}]".encode()
    for place in _places(answer):
        at: Any = answer
        for key in place:
            at = at[key]
        if isinstance(at, list):
            with pytest.raises(DriftedError, match="tooManyElements"):
                decode(_put(answer, place, bomb))


def test_sums_beyond_what_a_ledger_holds_are_an_amazon_error() -> None:
    huge = {"currencyAmount": 9e15, "currencyCode": "EUR"}
    less = {"currencyAmount": -9e15, "currencyCode": "EUR"}
    parts = [{"breakdownType": f"B{number}", "breakdownAmount": less} for number in range(5)]
    body = json.dumps(
        {
            "payload": {
                "transactions": [
                    _TRANSACTION | {"totalAmount": huge, "breakdowns": parts, "items": []}
                ]
            }
        }
    ).encode()
    with pytest.raises(DriftedError):
        decode_transactions(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b'\\"' * 2_000_000,
        b'{"a":"' + b'\\"' * 2_000_000 + b"\\",
        b'"' * 3_000_001,
        b'{"' * 400_000,
    ],
)
def test_an_endless_text_is_refused_quickly(body: bytes) -> None:
    assert not is_whole_json(body)
    assert is_whole_json(b'{"a":"}{\\"[","b":["\xff"]}')


@pytest.mark.parametrize("decode", ANSWERS)
def test_a_byte_order_mark_and_padding_change_nothing(decode: Callable[[bytes], object]) -> None:
    body = json.dumps(ANSWERS[decode]).encode()
    for changed in (
        codecs.BOM_UTF8 + body,
        body + b"\x00" * 9,
        codecs.BOM_UTF8 + body + b"\r\n\x00",
    ):
        assert repr(decode(changed)) == repr(decode(body))


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("decode", ANSWERS)
def test_a_response_in_utf16_is_drift_and_not_requested_again(
    decode: Callable[[bytes], object], codec: str
) -> None:
    with pytest.raises(DriftedError, match="utf16"):
        decode(json.dumps(ANSWERS[decode]).encode(codec))
