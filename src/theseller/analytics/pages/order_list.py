"""The list of orders: its URL parameters, headers and pager."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.metric_definitions import BY_KEY
from theseller.analytics.pages.order_queries import (
    MOST_SORTED_BY_MONEY,
    MoneyState,
    OrderCursor,
    OrderPage,
    OrderQuery,
    OrderSort,
    OrderSummary,
    is_valid,
)
from theseller.analytics.pages.page_filters import Selection
from theseller.edge.number_formatting import format_count
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.money import Money

PAGE_SIZE = 50
#: The most orders of a download.
MOST_EXPORTED = 10_000
_HEADERS = (
    (OrderSort.DATE, gettext_noop("Ordered")),
    (OrderSort.UNITS, gettext_noop("Units")),
    (OrderSort.SALES, gettext_noop("Sales")),
    (OrderSort.FEES, gettext_noop("Fees")),
    (OrderSort.REFUNDS, gettext_noop("Refunds")),
    (OrderSort.NET, gettext_noop("Net proceeds")),
)
#: An order's number as Amazon writes it, and the part of one that is searched for.
WHOLE_NUMBER = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")
_PART = re.compile(r"[0-9A-Za-z-]{1,40}")
_LONGEST_SKU = 100
STATE_TEXTS = {
    MoneyState.NOT_POSTED: gettext_noop("Not posted yet"),
    MoneyState.DEFERRED: gettext_noop("Deferred"),
    MoneyState.POSTED: gettext_noop("Posted"),
    MoneyState.PARTLY_SETTLED: gettext_noop("Partly settled"),
    MoneyState.SETTLED: gettext_noop("Settled"),
}
#: What the columns mean.
DEFINITIONS = (
    (gettext_noop("Sales"), BY_KEY["sales"].help),
    (
        gettext_noop("Fees"),
        gettext_noop("Fees that Amazon posted for the order on any day, less those refunded."),
    ),
    (
        gettext_noop("Refunds"),
        gettext_noop("Money refunded to the buyer of the order, on any day."),
    ),
    (
        gettext_noop("Net proceeds"),
        gettext_noop(
            "What Amazon has released or settled for the order on any day, before your own costs."
            " Fees that Amazon posts without an order, such as storage, are not in it."
        ),
    ),
    (
        gettext_noop("Payment"),
        gettext_noop(
            "Not posted yet: Amazon has posted no money for the order. Deferred: Amazon defers some"
            " of it, which is not in net proceeds. Posted: released, in no stored settlement."
            " Settled: all of it is in stored settlements."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class OrderTable:
    """The order, the search and the page of the list that a URL requests."""

    sort: OrderSort
    descending: bool
    search: str
    sku: str
    cursor: OrderCursor | None

    def query(self, most: int = 0) -> OrderQuery:
        """Return the query of this page of the list."""
        return OrderQuery(
            self.sort, self.descending, self.search, self.sku, self.cursor, most or PAGE_SIZE
        )

    def words(self, **over: str) -> dict[str, str]:
        """Return the URL parameters of the first page with some changed.

        A parameter with its default is empty.
        """
        return {
            "sort": "" if self.sort is OrderSort.DATE else self.sort.value,
            "dir": "" if self.descending else "asc",
            "q": self.search,
            "sku": self.sku,
        } | over


def read_order_table(words: QueryDict) -> OrderTable:
    """Return the list that the parameters of a URL request.

    A parameter that can't be read has its default: by date, the newest first, the first page.
    """
    name, search = words.get("sort", ""), words.get("q", "").strip()
    sort = OrderSort(name) if name in set(OrderSort) else OrderSort.DATE
    back = "before" in words
    value, _line, order = words.get("before" if back else "after", "").partition("_")
    cursor = OrderCursor(value, order, back)
    return OrderTable(
        sort,
        words.get("dir") != "asc",
        search if _PART.fullmatch(search) else "",
        words.get("sku", "").replace("\x00", "").strip()[:_LONGEST_SKU],
        cursor if _PART.fullmatch(order) and is_valid(sort, cursor) else None,
    )


def order_list_context(selection: Selection, table: OrderTable, page: OrderPage) -> dict[str, Any]:
    """Return what the template of the list shows."""
    currency = selection.scope.currency
    shown = OrderTable(page.sort, table.descending or page.sort is not table.sort, table.search,
                       table.sku, None)  # fmt: skip
    return {
        "table": table,
        "definitions": DEFINITIONS,
        "page": page,
        "orders": [
            {"row": row, "state": state_text(row), "store": _code(row)} for row in page.rows
        ],
        "several_stores": len(selection.scope.marketplace_ids) > 1,
        "headers": [_header(selection, shown, sort, label) for sort, label in _HEADERS],
        "total_sales": Money(page.sales, currency),
        "previous_page": _address(selection, shown, page.previous, "before"),
        "next_page": _address(selection, shown, page.next, "after"),
        "first_page": selection.query(**shown.words()) if table.cursor else "",
        "all_orders": selection.query(**table.words(q="", sku="")),
        "too_many_to_sort": page.sort is not table.sort,
        "most_sorted": format_count(MOST_SORTED_BY_MONEY),
        "too_many_to_export": page.count > MOST_EXPORTED,
        "most_exported": format_count(MOST_EXPORTED),
        "csv_words": selection.query(**table.words(format="csv")),
        "kept_words": [(name, value) for name, value in table.words(q="").items() if value],
    }


def state_text(row: OrderSummary) -> str:
    """Return how far Amazon is with the money of an order.

    Empty for an order that is no sale and for which nothing was posted.
    """
    state = row.money.state
    return "" if state is MoneyState.NOT_POSTED and not row.counted else _(STATE_TEXTS[state])


def _code(row: OrderSummary) -> str:
    store = MARKETPLACES.get(row.marketplace_id)
    return store.code if store else ""


def _header(selection: Selection, table: OrderTable, sort: OrderSort, label: str) -> dict[str, Any]:
    current = table.sort is sort
    turned = "asc" if current and table.descending else ""
    direction = ("descending" if table.descending else "ascending") if current else ""
    return {
        "label": _(label),
        "url": selection.query(
            **table.words(sort="" if sort is OrderSort.DATE else sort.value, dir=turned)
        ),
        "direction": direction,
        "key": sort.value,
    }


def _address(selection: Selection, table: OrderTable, cursor: OrderCursor | None, word: str) -> str:
    if cursor is None:
        return ""
    return selection.query(**table.words(), **{word: f"{cursor.value}_{cursor.order_id}"})
