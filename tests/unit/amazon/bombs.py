"""Files for `test_report_bombs`.

Each function returns the bytes of an upload that costs its reader far more than its size.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from tests.unit.amazon.report_fixtures.builders import (
    all_orders,
    as_json,
    order,
    settlement,
    traffic,
)

_MEMBER = gzip.compress(b"", 1, mtime=0)
_HEAD = all_orders()
_NOISE = b"0123456789abcdefghijklmnopqrstuvwxyz" * 64


def gzip_of_many_members() -> bytes:
    return _MEMBER * ((48 << 20) // len(_MEMBER))


def gzip_of_zeros() -> bytes:
    return gzip.compress(bytes(400 << 20), 9, mtime=0)


def gzip_in_gzip() -> bytes:
    return gzip.compress(gzip.compress(bytes(50 << 20), 9, mtime=0), 9, mtime=0)


def empty_zip() -> bytes:
    return b"PK\x05\x06" + bytes(18)


def blank_lines() -> bytes:
    return _HEAD.encode() + b"\n" * (60 << 20)


def rows_that_cannot_be_read() -> bytes:
    row = "\t".join(["x"] * len(_HEAD.split("\t"))) + "\n"
    return (_HEAD + row * 900_000).encode()[: 60 << 20]


def _rows(count: Callable[[int], dict[str, str]], size: int) -> bytes:
    found, length, number = [_HEAD], len(_HEAD), 0
    while length < size:
        found.append(all_orders(count(number)).split("\n", 1)[1])
        length += len(found[-1])
        number += 1
    return "".join(found).encode()[:size]


def promotions_without_end() -> bytes:
    """Rows whose promotions are different each time: remembered, they would take twenty times their size."""

    def row(number: int) -> dict[str, str]:
        cell = ",".join(f"{number}x{part}" for part in range(5_000))
        return order(promotion_ids=cell, amazon_order_id=f"302-{number:07}-7654321")

    return _rows(row, 40 << 20)


def currencies_without_end() -> bytes:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    template = all_orders(order(currency="???")).split("\n", 1)[1]
    names = [a + b + c for a in letters for b in letters for c in letters]
    return (_HEAD + "".join(template.replace("???", name) for name in names)).encode()


def settlement_of_distinct_cells() -> bytes:
    """A settlement whose every amount and date is another text, none of which can be read."""
    lines = settlement(("ItemPrice", "Principal", "AMOUNT"), total="1.00").split("\n")
    template = lines[2].replace("2026-03-05", "DAY")
    rows = [
        template.replace("AMOUNT", f"a{number:0200}").replace("DAY", f"d{number:0200}")
        for number in range(80_000)
    ]
    return "\n".join([*lines[:2], *rows, ""]).encode()


def _document(**parts: object) -> bytes:
    return json.dumps({**traffic("2026-03-01"), **parts}).encode()


def _with(key: str, value: bytes) -> bytes:
    return _document(**{key: "HERE"}).replace(b'"HERE"', value)


def json_empty_rows() -> bytes:
    return _with("salesAndTrafficByDate", b"[" + b"{}," * 15_000_000 + b"{}]")


def json_rows_by_product() -> bytes:
    return _with("salesAndTrafficByAsin", b"[" + b"{}," * 15_000_000 + b"{}]")


def json_rows_of_both_kinds() -> bytes:
    rows = b"[" + b"{}," * 150_000 + b"{}]"
    return _with("salesAndTrafficByAsin", rows).replace(
        b'"salesAndTrafficByDate": [', b'"salesAndTrafficByDate": ' + rows[:-1] + b",", 1
    )


def json_list_of_stores() -> bytes:
    document = traffic("2026-03-01")
    document["reportSpecification"]["marketplaceIds"] = ["HERE"]
    stores = b",".join(b'"%d"' % number for number in range(5_000_000))
    return json.dumps(document).encode().replace(b'"HERE"', stores)


def json_row_of_many_fields() -> bytes:
    fields = b",".join(b'"a%d":0' % number for number in range(4_000_000))
    return _with("salesAndTrafficByDate", b"[{" + fields + b"}]")


def json_rows_of_new_fields() -> bytes:
    rows = (
        b"{" + b",".join(b'"n%dx%d":0' % (number, field) for field in range(4_000)) + b"}"
        for number in range(700)
    )
    return _with("salesAndTrafficByDate", b"[" + b",".join(rows) + b"]")[: 60 << 20]


def _amount(text: bytes, field: bytes = b"238.44") -> bytes:
    return as_json(traffic("2026-03-01")).replace(field, text)


def json_amount_of_60000_digits() -> bytes:
    return _amount(b"1" * 60_000)


def json_amount_with_a_huge_exponent() -> bytes:
    return _amount(b"1e999999999")


def json_amount_with_a_tiny_exponent() -> bytes:
    return _amount(b"1e-999999999")


def json_percentage_with_a_huge_exponent() -> bytes:
    return _amount(b"1e999999999", b"10.54")


def json_count_of_4000_digits() -> bytes:
    return _amount(b"1" * 4_000, b"1658")


def json_year_1() -> bytes:
    return as_json(traffic("0001-01-01"))


def json_year_9999() -> bytes:
    return as_json(traffic("9999-12-31"))


def json_deep() -> bytes:
    return _with("new", b"[" * 1_000_000 + b"]" * 1_000_000)


def json_of_brackets() -> bytes:
    return b"[" + b"[]," * 10_000_000 + b"[]]"


def utf32() -> bytes:
    return ("\ufeff" + all_orders(order())).encode("utf-32-le")


def utf16_without_a_mark() -> bytes:
    return all_orders(order()).encode("utf-16-le")


def utf16_with_null_characters() -> bytes:
    return ("\ufeff" + all_orders(order(product_name="a\x00b"))).encode("utf-16-le")


def most_lines_of_orders() -> bytes:
    """As many distinct rows as a file may have, the last of which can't be read."""
    template = all_orders(order(amazon_order_id="ORDER", sku="SKU")).split("\n", 1)[1]
    rows = (
        template.replace("ORDER", f"302-{number:07}-7654321").replace("SKU", f"S{number}")
        for number in range(999_990)
    )
    return gzip.compress((_HEAD + "".join(rows) + "x").encode(), 1, mtime=0)


def most_lines_of_a_settlement() -> bytes:
    """As many lines as a file may have, which do not add up to the payout."""
    lines = settlement(("ItemPrice", "Principal", "AMOUNT"), total="1.00").split("\n")
    template = lines[2].replace("CNRY-4711", "")
    rows = (
        template.replace("AMOUNT", f"{number}.25").replace("302-1234567", f"302-{number:07}")
        for number in range(999_990)
    )
    return gzip.compress("\n".join([*lines[:2], *rows, ""]).encode(), 1, mtime=0)


def honest_orders() -> bytes:
    template = all_orders(order(amazon_order_id="ORDER", ship_city="", promotion_ids="")).split(
        "\n", 1
    )[1]
    return (
        _HEAD
        + "".join(
            template.replace("ORDER", f"302-{number:07}-7654321") for number in range(200_000)
        )
    ).encode()


def honest_traffic() -> bytes:
    document = traffic("2026-03-01", products=1)
    [row] = document["salesAndTrafficByAsin"]
    document["salesAndTrafficByAsin"] = [
        row | {"sku": f"S-{number}", "childAsin": f"B{number:09}"} for number in range(20_000)
    ]
    return as_json(document)
