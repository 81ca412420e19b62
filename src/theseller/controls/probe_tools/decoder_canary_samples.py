"""Responses and report files with canaries for the decoders' probe.

A canary is in every dropped field and in unlisted ones.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from theseller.amazon.decoders.response_shape import Shape
from theseller.amazon.reports.report_types_and_columns import COLUMNS, ReportType
from theseller.amazon.reports.stated_scope import Stated
from theseller.lib.marketplaces import by_code

CANARY = "CNRYPROBE4711"
UNLISTED_FIELD = "fieldThatNobodyListed"
_DEPTH = 3


def response_with_canaries(shape: Shape[Any], *, unlisted: bool) -> bytes:
    """Return a response of the operation with a canary at each dropped path.

    Every kept path is valid. With `unlisted`, each object also has a field that is neither kept nor
    known.
    """
    document = _sample(shape.struct, 0)
    for path in shape.dropped:
        _put(document, path.split("."))
    if unlisted:
        _add_unlisted(document)
    return json.dumps(document).encode()


def decoded_values(shape: Shape[Any], body: bytes) -> str:
    """Return everything that decoding `body` made into values, as one text."""
    return json.dumps(
        msgspec.to_builtins(shape.decode(body), enc_hook=lambda _secret: "secret"), default=str
    )


def report_with_canaries(kind: ReportType) -> bytes:
    """Return a report file of one row with a canary in each dropped column.

    It also has a column that is not listed.
    """
    columns = COLUMNS[kind]
    kept = sorted(columns.required | columns.optional)
    cells = {name: _CELLS.get(name, "") for name in kept} | dict.fromkeys(
        (*columns.dropped, "unlisted-column"), CANARY
    )
    rows = [list(cells)]
    if kind is ReportType.SETTLEMENT_V2:
        summary = {**_SUMMARY, **dict.fromkeys(columns.dropped, CANARY)}
        rows.append([summary.get(name, "") for name in cells])
    rows.append(list(cells.values()))
    return "".join("\t".join(row) + "\n" for row in rows).encode()


#: What a person would state of files that name no store.
STATED = Stated(by_code("DE"), date(2026, 3, 28), date(2026, 3, 28))


def business_reports_with_canaries() -> Iterator[bytes]:
    """Yield a Business Report by date, and one by product, of one row each.

    A canary is in the title, in parts of a measure and in a column that no list has.
    """
    measures = {
        "Sessions - Total": "3",
        "Page Views - Total": "4",
        "Units Ordered": "1",
        "Ordered Product Sales": "€19.90",
        "Sessions - Total - B2B": CANARY,
        "Title": CANARY,
        "Unlisted column": CANARY,
    }
    for whose in ({"Date": "2026-03-28"}, {"(Child) ASIN": "B0BRUSH001"}):
        cells = whose | measures
        yield "".join(",".join(row) + "\n" for row in (cells, cells.values())).encode()


# JSON has no narrower type; one return for each kind of value
def _sample(hint: Any, depth: int) -> Any:  # noqa: ANN401
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _sample(next(one for one in arguments if one is not types.NoneType), depth)
    if origin in {list, tuple}:
        return [_sample(arguments[0], depth)]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = typing.get_type_hints(hint)
        fields = [
            field
            for field in msgspec.structs.fields(hint)
            if field.required or depth < _DEPTH or not _recursive(hint, hints[field.name])
        ]
        return {
            field.encode_name: _sample(
                hints[field.name], depth + _recursive(hint, hints[field.name])
            )
            for field in fields
        }
    if hint is datetime:
        return "2026-11-01T12:00:00Z"
    if hint in {int, Decimal}:
        return 1
    return False if hint is bool else "EUR"  # Three letters: a currency, a name, an id.


def _recursive(struct: type, hint: Any) -> bool:  # noqa: ANN401
    return struct.__name__ in str(hint)


def _put(node: Any, segments: list[str]) -> None:  # noqa: ANN401
    """Put a canary at a path; lists are entered at their first element."""
    name, is_list, last = (
        segments[0].removesuffix("[]"),
        segments[0].endswith("[]"),
        len(segments) == 1,
    )
    if not isinstance(node, dict):
        return
    if last:
        node.setdefault(name, [CANARY] if is_list else CANARY)
        return
    child = node.setdefault(name, [{}] if is_list else {})
    _put(child[0] if is_list and isinstance(child, list) and child else child, segments[1:])


def _add_unlisted(node: Any) -> None:  # noqa: ANN401
    if isinstance(node, dict):
        for child in node.values():
            _add_unlisted(child)
        node[UNLISTED_FIELD] = CANARY
    elif isinstance(node, list):
        for child in node:
            _add_unlisted(child)


_CELLS = {
    "return-date": "2026-10-05T10:00:00+00:00",
    "fnsku": "X001BRUSH1",
    "fulfillment-center-id": "LEJ1",
    "detailed-disposition": "SELLABLE",
    "reason": "UNWANTED_ITEM",
    "status": "Unit returned to inventory",
    "amazon-order-id": "302-1234567-7654321",
    "order-id": "302-1234567-7654321",
    "order-item-id": "11112222333344",
    "purchase-date": "2026-03-28T23:30:00+00:00",
    "last-updated-date": "2026-03-29T08:00:00+00:00",
    "order-status": "Shipped",
    "fulfillment-channel": "Amazon",
    "sales-channel": "Amazon.de",
    "product-name": "Brush",
    "sku": "BRUSH-1",
    "asin": "B0BRUSH001",
    "item-status": "Shipped",
    "quantity": "2",
    "currency": "EUR",
    "item-price": "19.90",
    "promotion-ids": "PAWS-V2-1",
    "is-business-order": "false",
    "is-replacement-order": "false",
    "settlement-id": "1001",
    "transaction-type": "Order",
    "marketplace-name": "Amazon.de",
    "amount-type": "ItemPrice",
    "amount-description": "Principal",
    "amount": "19.90",
    "posted-date": "2026-03-05",
    "posted-date-time": "2026-03-05 12:34:56 UTC",
    "quantity-purchased": "1",
    "date/time": "05.03.2026 12:34:56 UTC",
    "type": "Order",
    "marketplace": "amazon.de",
    "product-sales": "19.90",
    "total": "19.90",
}
_SUMMARY = {
    "settlement-id": "1001",
    "settlement-start-date": "2026-03-01 00:00:00 UTC",
    "settlement-end-date": "2026-03-08 00:00:00 UTC",
    "deposit-date": "2026-03-10 00:00:00 UTC",
    "total-amount": "19.90",
    "currency": "EUR",
}
