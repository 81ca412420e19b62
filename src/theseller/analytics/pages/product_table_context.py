"""The product table: its URL parameters, headers, pager and remainder."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_noop

from theseller.analytics.pages.metric_definitions import COLUMN_DEFINITIONS
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.product_queries import Sort
from theseller.analytics.pages.sortable_table import SortableTable, table_links
from theseller.analytics.pages.types import ProductPage
from theseller.analytics.rollups.types import Figures
from theseller.lib.money import Money

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


def product_context(
    selection: Selection, table: SortableTable[Sort], page: ProductPage, total: Figures
) -> dict[str, Any]:
    """Return what the template of the product table shows."""
    currency = selection.scope.currency
    return {
        "definitions": COLUMN_DEFINITIONS,
        "page": page,
        **table_links(selection, table, _HEADERS, len(page.rows), page.count),
        "orders_url": _orders_url(selection),
        "csv_url": selection.query(**table.words(page="", format="csv")),
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


def _remainder(
    table: SortableTable[Sort], page: ProductPage, total: Figures, currency: str
) -> Money | None:
    """Return the net proceeds that belong to no product.

    None where the rows are the result of a search, or nothing is posted.
    """
    if table.search or not page.rows or total.net_posted is None:
        return None
    return Money(total.net_proceeds - (page.net_proceeds or 0), currency)
