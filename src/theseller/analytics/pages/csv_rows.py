"""The CSV rows of each page.

They are the rows that the page shows, unrounded, with the ledger's signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from django.http import HttpResponse

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.charge_display_names import charge_name
from theseller.analytics.pages import queries
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.metric_coverage import MetricCoverage
from theseller.analytics.pages.page_filters import Selection, store_label
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_queries import ProductQuery, Sort, product_page
from theseller.analytics.pages.queries import DaySeries
from theseller.analytics.pages.sortable_table import SortableTable
from theseller.analytics.rollups.types import SUMMED, Figures

#: The most rows of a file of products: as many as 560 days of the largest catalog that we test.
_MOST_PRODUCTS = 100_000
#: Columns by day of purchase; all others of the rollup are by the day Amazon posted.
_PURCHASED = frozenset(
    {
        "orders",
        "cancelled_orders",
        "pending_orders",
        "order_items",
        "units",
        "unpriced_units",
        "ordered_sales",
        "promotions",
        "ordered_tax",
    }
)
#: The columns of a day after those of the rollup.
_PROFIT = ("Cost of goods", "Profit", "Sales without a cost")
_BEFORE = ("ordered_sales", "units", "orders", "refunded_sales", "fees", "net_proceeds")


def days_csv(selection: Selection, series: DaySeries, known: MetricCoverage) -> HttpResponse:
    """Return one row for each day, with the columns of the day rollup.

    Beside them are the main columns of the period of comparison. A cell is blank where there is no
    data of its day: missing data is not zero.
    """
    before = series.before_span.days() if series.before_span else []
    header = [
        "day",
        "currency",
        *SUMMED,
        *_PROFIT,
        *(["compared_with_day", *(f"{name}_before" for name in _BEFORE)] if before else []),
    ]
    rows: list[list[Cell]] = []
    for index, day in enumerate(series.span.days()):
        row: list[Cell] = [
            day,
            selection.scope.currency,
            *_known_cells(series, day, known, SUMMED),
            *_profit_cells(series.by_day.get(day)),
        ]
        if before:
            earlier = before[index] if index < len(before) else None
            compared = earlier if earlier and earlier >= selection.option.first_day else None
            row += [earlier, *_known_cells(series, compared, known, _BEFORE)]
        rows.append(row)
    return csv_response(_name("days", selection, series.span), header, rows)


def _known_cells(
    series: DaySeries, day: date | None, known: MetricCoverage, names: Sequence[str]
) -> list[Cell]:
    """Return the figures of a day, blank where no data is stored.

    A cell is given if there is data of the day's orders (or of its money), or a figure of them.
    """
    if day is None:
        return [None] * len(names)
    figures = series.by_day.get(day, Figures())
    ordered = day in known.orders or any(
        getattr(figures, name) for name in SUMMED if name in _PURCHASED
    )
    posted = day in known.money or any(
        getattr(figures, name) for name in SUMMED if name not in _PURCHASED
    )
    return [
        getattr(figures, name) if (ordered if name in _PURCHASED else posted) else None
        for name in names
    ]


def _profit_cells(figures: Figures | None) -> list[Cell]:
    """Return cost of goods and profit of a day, blank where not known."""
    if figures is None or figures.profit is None or not figures.posted_lines:
        return [None] * len(_PROFIT)
    return [figures.cost_of_goods, figures.profit, figures.uncosted_sales]


def products_csv(
    selection: Selection, table: SortableTable[Sort], before: Span | None
) -> HttpResponse:
    """Return the products of the table, on all its pages, in its order.

    100,000 at most.
    """
    span = selection.choice.span
    everything = ProductQuery(
        table.sort, table.descending, table.search, _MOST_PRODUCTS, with_lines=False
    )
    page = product_page(selection.scope, span, before, everything)
    header = [
        "sku",
        "asin",
        "title",
        "currency",
        "ordered_sales",
        "units",
        "orders",
        "refunds",
        "refunded_sales",
        "fees",
        "net_proceeds",
        "ordered_sales_before",
        "units_before",
        "net_proceeds_before",
        "Units posted",
        "Cost of goods",
        "Profit",
    ]
    rows: list[list[Cell]] = [
        [
            row.sku,
            row.asin,
            row.title,
            selection.scope.currency,
            row.ordered_sales,
            row.units,
            row.orders,
            row.refunds,
            row.refunded_sales,
            row.fees,
            row.net_proceeds,
            row.ordered_sales_before,
            row.units_before,
            row.net_proceeds_before,
            row.posted_units,
            row.cost_of_goods,
            row.profit,
        ]
        for row in page.rows
    ]
    return csv_response(_name("products", selection, span), header, rows)


def day_csv(selection: Selection, wanted: date, *, most: int) -> HttpResponse:
    """Return every ledger line and order line of a day, and how each counts.

    At most `most` of each in a store; then a row says so.
    """
    header = [
        "book",
        "store",
        "instant",
        "order_id",
        "sku",
        "kind",
        "source",
        "state",
        "counted",
        "quantity",
        "currency",
        "amount",
        "transaction_type",
        "breakdown",
    ]
    rows = [
        row for store in selection.scope.marketplace_ids for row in _day_rows(store, wanted, most)
    ]
    return csv_response(_name("day", selection, Span(wanted, wanted)), header, rows)


def _day_rows(store: str, wanted: date, most: int) -> Iterator[list[Cell]]:
    label = store_label(store)
    entries = queries.day_entries(store, wanted, most=most + 1)
    orders = queries.day_orders(store, wanted, most=most + 1)
    for entry in entries[:most]:
        kind = charge_name(ChargeType(entry.kind))
        yield [
            "ledger",
            label,
            entry.posted_at,
            entry.order_id,
            entry.sku,
            kind,
            entry.source,
            entry.state,
            entry.treatment,
            entry.quantity,
            entry.currency,
            entry.amount,
            entry.transaction_type,
            entry.breakdown,
        ]
    for order in orders[:most]:
        treatment = "counted" if order.counted else "not a sale"
        yield [
            "orders",
            label,
            order.purchased_at,
            order.order_id,
            order.sku,
            "Ordered",
            "orders",
            order.status,
            treatment,
            order.quantity,
            order.currency,
            order.item_price,
            "",
            "",
        ]
    if max(len(entries), len(orders)) > most:
        yield [f"The file has the first {most:,} lines of each kind of this day.", label]


def _name(what: str, selection: Selection, span: Span) -> str:
    return (
        f"theseller-{what}-{selection.option.key}-{span.first.isoformat()}-{span.last.isoformat()}"
    )
