"""The product table: its URL parameters, headers, pager and remainder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.metric_definitions import COLUMN_DEFINITIONS
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.product_queries import ProductQuery, Sort
from theseller.analytics.pages.types import ProductPage
from theseller.analytics.rollups.types import Figures
from theseller.edge.list_parameters import page_range, read_page_number, read_search
from theseller.lib.money import Money

PAGE_SIZE = 50
_HEADERS = (
    (Sort.SALES, gettext_noop("Sales")),
    (Sort.CHANGE, gettext_noop("Change")),
    (Sort.UNITS, gettext_noop("Units")),
    (Sort.ORDERS, gettext_noop("Orders")),
    (Sort.REFUNDS, gettext_noop("Refund rate")),
    (Sort.FEES, gettext_noop("Fees")),
    (Sort.NET, gettext_noop("Net proceeds")),
    (Sort.MARGIN, gettext_noop("Margin")),
    (Sort.PROFIT, gettext_noop("Profit")),
    (Sort.PROFIT_MARGIN, gettext_noop("Profit margin")),
    (Sort.ROI, gettext_noop("ROI")),
)


@dataclass(frozen=True, slots=True)
class Table:
    """The order, the search and the page of the table that a URL requests."""

    sort: Sort
    descending: bool
    search: str
    page: int

    def query(self) -> ProductQuery:
        """Return the query of this page of the table."""
        return ProductQuery(
            self.sort, self.descending, self.search, PAGE_SIZE, (self.page - 1) * PAGE_SIZE
        )

    def words(self, **over: str) -> dict[str, str]:
        """Return the URL parameters of this table with some changed.

        A parameter with its default is empty.
        """
        return {
            "sort": "" if self.sort is Sort.SALES else self.sort.value,
            "dir": "" if self.descending else "asc",
            "q": self.search,
            "page": "" if self.page == 1 else str(self.page),
        } | over


def read_table(words: QueryDict) -> Table:
    """Return the table that the parameters of a URL request.

    A parameter that can't be read has its default: by sales, descending, the first page.
    """
    sort = words.get("sort", "")
    return Table(
        Sort(sort) if sort in set(Sort) else Sort.SALES,
        words.get("dir") != "asc",
        read_search(words),
        read_page_number(words),
    )


def product_context(
    selection: Selection, table: Table, page: ProductPage, total: Figures
) -> dict[str, Any]:
    """Return what the template of the product table shows."""
    currency = selection.scope.currency
    begin = (table.page - 1) * PAGE_SIZE
    end = begin + len(page.rows)
    return {
        "table": table,
        "definitions": COLUMN_DEFINITIONS,
        "page": page,
        "headers": [_header(selection, table, sort, label) for sort, label in _HEADERS],
        "range": page_range(begin, len(page.rows), page.count),
        "previous_page": (
            selection.query(**table.words(page="" if table.page == 2 else str(table.page - 1)))
            if table.page > 1
            else ""
        ),
        "next_page": (
            selection.query(**table.words(page=str(table.page + 1))) if end < page.count else ""
        ),
        "first_page": (
            selection.query(**table.words(page="")) if not page.rows and table.page > 1 else ""
        ),
        "orders_url": _orders_url(selection),
        "all_products": selection.query(**table.words(q="", page="")),
        "csv_url": selection.query(**table.words(page="", format="csv")),
        "kept_words": [
            (name, value) for name, value in table.words(q="", page="").items() if value
        ],
        "total_sales": Money(page.ordered_sales, currency),
        "total_net": None if page.net_proceeds is None else Money(page.net_proceeds, currency),
        "total_fees": None if page.fees is None else Money(page.fees, currency),
        "total_profit": None if page.profit is None else Money(page.profit, currency),
        "total_orders": total.orders if not table.search else None,
        "remainder": _remainder(table, page, total, currency),
        "high": max(
            (row.net_proceeds for row in page.rows if row.net_proceeds is not None), default=0
        ),
        "low": min(
            (row.net_proceeds for row in page.rows if row.net_proceeds is not None), default=0
        ),
    }


def _orders_url(selection: Selection) -> str:
    """Return the address of the orders of the period, to which a SKU is added."""
    query = selection.query(metric="")
    return f"{reverse('analytics:orders')}{query}{'' if query == '?' else '&'}sku="


def _remainder(table: Table, page: ProductPage, total: Figures, currency: str) -> Money | None:
    """Return the net proceeds that belong to no product.

    None where the rows are the result of a search, or nothing is posted.
    """
    if table.search or not page.rows or total.net_posted is None:
        return None
    return Money(total.net_proceeds - (page.net_proceeds or 0), currency)


def _header(selection: Selection, table: Table, sort: Sort, label: str) -> dict[str, Any]:
    current = table.sort is sort
    turned = "asc" if current and table.descending else ""
    words = table.words(sort="" if sort is Sort.SALES else sort.value, dir=turned, page="")
    direction = ("descending" if table.descending else "ascending") if current else ""
    return {
        "label": _(label),
        "url": selection.query(**words),
        "direction": direction,
        "key": sort.value,
    }
