"""The inventory table: its URL parameters, headers, rows, pager and forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.inventory.types import (
    BAND_LABELS,
    WINDOWS,
    Band,
    ProductInventory,
    decimal_of,
)
from theseller.analytics.pages.page_filters import store_label
from theseller.edge.list_parameters import page_range, read_page_number, read_search
from theseller.edge.number_formatting import format_count
from theseller.lib.marketplaces import MARKETPLACES

PAGE_SIZE = 50
_LONGEST_SKU = 200


class Sort(StrEnum):
    """The columns that the inventory table can be ordered by."""

    COVER = "cover"
    PRODUCT = "product"
    FULFILLABLE = "fulfillable"
    INBOUND = "inbound"
    TOTAL = "total"
    RATE = "rate"
    ORDER_BY = "order-by"
    QUANTITY = "quantity"


_SORT_KEYS: dict[Sort, Callable[[ProductInventory], Any]] = {
    Sort.COVER: lambda row: row.cover_days,
    Sort.PRODUCT: lambda row: (row.level.title or row.level.sku).casefold(),
    Sort.FULFILLABLE: lambda row: row.level.fulfillable,
    Sort.INBOUND: lambda row: row.level.inbound,
    Sort.TOTAL: lambda row: row.level.total,
    Sort.RATE: lambda row: row.windows[1].per_day,
    Sort.ORDER_BY: lambda row: row.reorder.order_by,
    Sort.QUANTITY: lambda row: row.reorder.quantity,
}
#: Columns whose first order is the ascending one: the most urgent first, or by name.
_ASCENDING = frozenset({Sort.COVER, Sort.PRODUCT, Sort.ORDER_BY})
#: The columns of the table: the label, and the order that its header offers.
_COLUMNS: tuple[tuple[str, Sort | None], ...] = (
    (gettext_noop("Cover (days)"), Sort.COVER),
    (gettext_noop("Order by"), Sort.ORDER_BY),
    (gettext_noop("Quantity"), Sort.QUANTITY),
    (gettext_noop("Fulfillable"), Sort.FULFILLABLE),
    (gettext_noop("Inbound"), Sort.INBOUND),
    (gettext_noop("Reserved"), None),
    (gettext_noop("Unfulfillable"), None),
    (gettext_noop("Total"), Sort.TOTAL),
    (gettext_noop("7 days"), None),
    (gettext_noop("30 days"), Sort.RATE),
    (gettext_noop("90 days"), None),
    (gettext_noop("As of"), None),
)
#: What the columns mean, for every reader.
DEFINITIONS = (
    (
        gettext_noop("Fulfillable, inbound, reserved, unfulfillable"),
        gettext_noop(
            "Units in Amazon\u2019s warehouses as Amazon stated them. Inbound units are on their"
            " way to Amazon or being received. The total is Amazon\u2019s own and may contain units"
            " that Amazon is searching for. Stores are not added up: Amazon may state the same"
            " units for several stores of a region."
        ),
    ),
    (
        gettext_noop("7, 30 and 90 days"),
        gettext_noop(
            "Units ordered a day in this store, over the last complete days of its calendar."
            " Canceled orders and replacements are not counted. Days whose orders are not stored"
            " are left out. How much was in stock on past days is not stored: a day without stock"
            " counts as a day without sales, so that after a stockout the average is too low and"
            " the cover too long."
        ),
    ),
    (
        gettext_noop("Cover"),
        gettext_noop(
            "Fulfillable units divided by the highest of the three averages, rounded down: the"
            " lowest of their covers. Reserved and inbound units are not counted."
        ),
    ),
    (
        gettext_noop("Status"),
        gettext_noop(
            "Critical: under 7 days of cover. At risk: under 14. Watch: under 21. Healthy: up to"
            " 180. Excess: over 180. No sales: nothing was ordered on the days that are stored."
            " Unknown: no orders are stored."
        ),
    ),
    (
        gettext_noop("Order by"),
        gettext_noop(
            "The day from which fulfillable and inbound units last just for lead time and safety"
            " days."
        ),
    ),
    (
        gettext_noop("Quantity"),
        gettext_noop(
            "What to order today, so that fulfillable and inbound units last for lead time, safety"
            " days and target cover. It is raised to the minimum quantity and to whole cartons."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Table:
    """What a URL of the inventory page requests.

    `store` is a marketplace ID, "" for all; `edit` the SKU whose inputs are edited.
    """

    store: str
    band: Band | None
    search: str
    sort: Sort
    descending: bool
    page: int
    edit: str

    def query(self, **over: str) -> str:
        """Return the query string with some parameters changed.

        Defaults are left out.
        """
        default = self.sort not in _ASCENDING
        words = {
            "store": MARKETPLACES[self.store].code if self.store else "",
            "band": self.band.value if self.band else "",
            "q": self.search,
            "sort": "" if self.sort is Sort.COVER else self.sort.value,
            "dir": "" if self.descending is default else "desc" if self.descending else "asc",
            "page": "" if self.page == 1 else str(self.page),
        } | over
        return "?" + urlencode({name: value for name, value in words.items() if value})

    def address(self, **over: str) -> str:
        """Return the URL of the page with some parameters changed."""
        return reverse("analytics:inventory") + self.query(**over)

    def rows(self, found: Sequence[ProductInventory]) -> list[ProductInventory]:
        """Return the rows that the band and the search leave, in order."""
        needle, key = self.search.casefold(), _SORT_KEYS[self.sort]
        kept = [
            row
            for row in found
            if (self.band is None or row.band is self.band)
            and (
                not needle
                or any(
                    needle in text.casefold()
                    for text in (row.level.sku, row.level.asin, row.level.title)
                )
            )
        ]
        known = [row for row in kept if key(row) is not None]
        # What has no value comes last in both orders.
        return [
            *sorted(known, key=key, reverse=self.descending),
            *(row for row in kept if key(row) is None),
        ]


def read_table(words: QueryDict, stores: Sequence[str]) -> Table:
    """Return the table that the parameters of a URL request.

    A parameter that can't be read has its default: all stores, all bands, by cover.
    """
    code, band, sort = (words.get(name, "") for name in ("store", "band", "sort"))
    direction = words.get("dir", "")
    store = next((one for one in stores if MARKETPLACES[one].code == code), "")
    by = Sort(sort) if sort in set(Sort) else Sort.COVER
    return Table(
        store,
        Band(band) if band in set(Band) else None,
        read_search(words),
        by,
        direction == "desc" if direction in {"asc", "desc"} else by not in _ASCENDING,
        read_page_number(words),
        words.get("edit", "").replace("\x00", "")[:_LONGEST_SKU],
    )


def table_context(
    table: Table, stores: Sequence[str], found: Sequence[ProductInventory]
) -> dict[str, Any]:
    """Return what the template of the inventory table shows."""
    rows = table.rows(found)
    number = max(min(table.page, -(-len(rows) // PAGE_SIZE)), 1)
    begin = (number - 1) * PAGE_SIZE
    page = rows[begin : begin + PAGE_SIZE]
    # A product is in the list once for each store, and its form once.
    edited = next((row for row in page if table.edit and row.level.sku == table.edit), None)
    counts = {band: sum(row.band is band for row in found) for band in Band}
    return {
        "table": table,
        "definitions": DEFINITIONS,
        "headers": [_header(table, label, sort) for label, sort in _COLUMNS],
        "product_header": _header(table, _("Product"), Sort.PRODUCT),
        "rows": [_row(table, row, edited=row is edited) for row in page],
        "count": len(rows),
        "range": page_range(begin, len(page), len(rows)),
        "previous_page": table.address(page=str(number - 1)) if number > 1 else "",
        "next_page": table.address(page=str(number + 1)) if begin + len(page) < len(rows) else "",
        "all_products": table.address(q="", band="", page=""),
        "stores": [
            {
                "key": MARKETPLACES[one].code,
                "label": store_label(one),
                "current": one == table.store,
            }
            for one in stores
        ],
        "bands": [
            {
                "key": band.value,
                "label": _(BAND_LABELS[band]),
                "count": format_count(counts[band]),
                "current": band is table.band,
            }
            for band in Band
        ],
        "kept_words": [
            (name, value)
            for name, value in QueryDict(table.query(q="", band="", store="", page="")[1:]).items()
        ],
        "partly_known": _partly_known(found),
        "csv_url": table.address(page="", format="csv"),
    }


def _row(table: Table, row: ProductInventory, *, edited: bool) -> dict[str, Any]:
    return {
        "product": row,
        "level": row.level,
        "store": store_label(row.level.marketplace_id),
        "rates": [decimal_of(one.per_day, 2) for one in row.windows],
        "band_label": _(BAND_LABELS[row.band]),
        "tone": _TONES.get(row.band, ""),
        "edit_url": table.address(edit=row.level.sku) + "#edit",
        "edited": edited,
    }


_TONES = {
    Band.CRITICAL: "bad",
    Band.AT_RISK: "warn",
    Band.WATCH: "info",
    Band.HEALTHY: "good",
    Band.EXCESS: "warn",
}


def _header(table: Table, label: str, sort: Sort | None) -> dict[str, Any]:
    if sort is None:
        return {"label": _(label), "url": ""}
    current, first = table.sort is sort, sort not in _ASCENDING
    turned = not table.descending if current else first
    return {
        "label": _(label),
        "url": table.address(
            sort="" if sort is Sort.COVER else sort.value,
            dir="" if turned is first else "desc" if turned else "asc",
            page="",
        ),
        "direction": ("descending" if table.descending else "ascending") if current else "",
    }


def _partly_known(found: Sequence[ProductInventory]) -> list[dict[str, Any]]:
    """Return the stores of which some days of the longest window lack."""
    known = {row.level.marketplace_id: row.windows[-1].covered for row in found}
    return [
        {"store": store_label(store), "days": days, "of": max(WINDOWS)}
        for store, days in known.items()
        if days < max(WINDOWS)
    ]
