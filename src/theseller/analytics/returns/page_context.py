"""What the page of returns shows: its table and what the figures mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.returns.queries import ReturnQuery, Sort
from theseller.analytics.returns.types import ReturnsPage
from theseller.edge.list_parameters import page_range, read_page_number, read_search

PAGE_SIZE = 50
#: What the figures mean, for every reader.
DEFINITIONS = (
    (
        gettext_noop("Units sold"),
        gettext_noop(
            "Units that Amazon shipped for you, by the day of their order. Units that you ship"
            " yourself are not counted, since their returns are in no report of Amazon\u2019s"
            " fulfillment centers."
        ),
    ),
    (
        gettext_noop("Units returned"),
        gettext_noop(
            "Units that arrived at a fulfillment center, by the day of their arrival, from FBA"
            " customer returns reports."
        ),
    ),
    (
        gettext_noop("Return rate"),
        gettext_noop(
            "Units returned divided by units sold, both of the same products, stores and days. Many"
            " returns are of orders of earlier weeks, so the rate of a short period says little,"
            " and can exceed 100 %."
        ),
    ),
    (
        gettext_noop("Sellable"),
        gettext_noop(
            "The share of returned units that can be sold again. Units whose condition Amazon did"
            " not state are left out."
        ),
    ),
    (
        gettext_noop("Refunded"),
        gettext_noop(
            "Refunds of these products that Amazon posted on these days. A refund can be posted on"
            " another day than the unit arrives, and some refunds have no return: the amount is"
            " beside the units and is not divided by them."
        ),
    ),
)
_HEADERS = (
    (Sort.SOLD, gettext_noop("Units sold")),
    (Sort.RETURNED, gettext_noop("Units returned")),
    (Sort.RATE, gettext_noop("Return rate")),
    (Sort.SELLABLE, gettext_noop("Sellable")),
    (Sort.REFUNDED, gettext_noop("Refunded")),
)


@dataclass(frozen=True, slots=True)
class Table:
    """The order, search and page of the table of a URL."""

    sort: Sort
    descending: bool
    search: str
    page: int

    def query(self, most: int = PAGE_SIZE) -> ReturnQuery:
        """Return the query of this page of the table."""
        skip = (self.page - 1) * PAGE_SIZE
        return ReturnQuery(self.sort, self.descending, self.search, most, skip)

    def words(self, **over: str) -> dict[str, str]:
        """Return the URL parameters of this table with some changed.

        A parameter with its default is empty.
        """
        return {
            "sort": "" if self.sort is Sort.REFUNDED else self.sort.value,
            "dir": "" if self.descending else "asc",
            "q": self.search,
            "page": "" if self.page == 1 else str(self.page),
        } | over


def read_table(words: QueryDict) -> Table:
    """Return the table that the parameters of a URL request.

    Invalid ones have their default.
    """
    sort = words.get("sort", "")
    return Table(
        Sort(sort) if sort in set(Sort) else Sort.REFUNDED,
        words.get("dir") != "asc",
        read_search(words),
        read_page_number(words),
    )


def table_context(selection: Selection, table: Table, found: ReturnsPage) -> dict[str, Any]:
    """Return what the template of the table shows."""
    begin = (table.page - 1) * PAGE_SIZE
    end = begin + len(found.rows)
    return {
        "table": table,
        "found": found,
        "headers": [_header(selection, table, sort, label) for sort, label in _HEADERS],
        "range": page_range(begin, len(found.rows), found.count),
        "previous_page": (
            selection.query(**table.words(page=str(table.page - 1))) if table.page > 1 else ""
        ),
        "next_page": (
            selection.query(**table.words(page=str(table.page + 1))) if end < found.count else ""
        ),
        "all_products": selection.query(**table.words(q="", page="")),
        "kept_words": [
            (name, value) for name, value in table.words(q="", page="").items() if value
        ],
    }


def _header(selection: Selection, table: Table, sort: Sort, label: str) -> dict[str, Any]:
    current = table.sort is sort
    words = table.words(
        sort="" if sort is Sort.REFUNDED else sort.value,
        dir="asc" if current and table.descending else "",
        page="",
    )
    return {
        "label": _(label),
        "url": selection.query(**words),
        "direction": ("descending" if table.descending else "ascending") if current else "",
    }
