"""The cells of an All Orders line: which are picked, and how to parse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.errors import BadCellError
from theseller.lib.translation_marks import gettext_noop

#: Order of the picked cells; `AllOrdersDecoder` unpacks them in this order.
PICKED = (
    "amazon-order-id",
    "order-item-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "fulfillment-channel",
    "sales-channel",
    "sku",
    "asin",
    "product-name",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "gift-wrap-price",
    "gift-wrap-tax",
    "item-promotion-discount",
    "ship-promotion-discount",
    "promotion-ids",
    "is-business-order",
    "is-replacement-order",
)
_ORDER_ID = re.compile(r"[0-9A-Z][0-9]{2}-[0-9]{7}-[0-9]{7}")
_ITEM_ID = re.compile(r"\d{0,20}", re.ASCII)


def order_id(text: str) -> str:
    """Return an order number of Amazon's.

    Raises:
        BadCellError: it is none.
    """
    if not _ORDER_ID.fullmatch(text):
        cell_parsers.refuse_rounded(text)
        raise BadCellError(gettext_noop("not an order number"))
    return text


def is_order_id(text: str) -> bool:
    """Return whether `text` is an order number.

    The usual form is checked without a regular expression, which is the slowest part of a row.
    """
    digits = text.replace("-", "", 2)
    usual = (
        len(digits) == 17
        and len(text) == 19
        and text[3] == text[11] == "-"
        and digits.isascii()
        and digits.isdecimal()
    )
    return usual or bool(_ORDER_ID.fullmatch(text))


def item_id(text: str) -> str:
    """Return an order item number of Amazon's; it may be blank.

    Raises:
        BadCellError: it is not one.
    """
    if not _ITEM_ID.fullmatch(text):
        cell_parsers.refuse_rounded(text)
        raise BadCellError(gettext_noop("not an order item number"))
    return text


def sku_of(text: str) -> str:
    """Return a SKU of 1 to 100 characters.

    Raises:
        BadCellError: it is blank or longer.
    """
    if not 0 < len(text) <= 100:
        raise BadCellError(gettext_noop("not a SKU of 1 to 100 characters"))
    return text


def title_of(text: str) -> str:
    """Return a title of at most 2000 characters.

    Raises:
        BadCellError: it is longer.
    """
    if len(text) > 2000:
        raise BadCellError(gettext_noop("longer than a title"))
    return text


_WORDS: tuple[str, ...] = ("order-status", "fulfillment-channel", "item-status")
_PARSERS: Mapping[str, Callable[[str], object]] = {
    "amazon-order-id": order_id,
    "order-item-id": item_id,
    "purchase-date": cell_parsers.instant,
    "last-updated-date": cell_parsers.instant,
    "sales-channel": cell_parsers.sales_channel,
    "sku": sku_of,
    "asin": cell_parsers.asin,
    "product-name": title_of,
    "quantity": cell_parsers.whole,
    "currency": cell_parsers.currency,
    "promotion-ids": cell_parsers.promotions,
    "is-business-order": cell_parsers.flag,
    "is-replacement-order": cell_parsers.flag,
} | dict.fromkeys(_WORDS, cell_parsers.words)


def parser(column: str, digits: int) -> Callable[[str], object]:
    """Return the parser of a column's cells.

    `digits` is how many decimals the currency has.
    """
    return _PARSERS.get(column) or partial(cell_parsers.plain_amount, digits=digits)
