"""What the page of returns shows: its table and what the figures mean."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop

from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.sortable_table import SortableTable, table_links
from theseller.analytics.returns.queries import ReturnQuery, Sort
from theseller.analytics.returns.types import ReturnsPage

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


def return_query(table: SortableTable[Sort], most: int, skip: int) -> ReturnQuery:
    """Return the query of `most` rows of a table, after `skip`."""
    return ReturnQuery(table.sort, table.descending, table.search, most, skip)


def table_context(
    selection: Selection, table: SortableTable[Sort], found: ReturnsPage
) -> dict[str, Any]:
    """Return what the template of the table shows."""
    return {
        "found": found,
        **table_links(selection, table, _HEADERS, len(found.rows), found.count),
    }
