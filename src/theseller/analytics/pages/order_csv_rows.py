"""The downloads of the list of orders and of one order.

They have the rows of the page, unrounded, with the ledger's signs.
"""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpResponse
from django.utils.translation import gettext as _

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.charge_display_names import charge_name
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.order_list import MOST_EXPORTED, OrderTable, state_text
from theseller.analytics.pages.order_page import OrderDetails, treatment_text
from theseller.analytics.pages.order_queries import OrderSummary, order_page
from theseller.analytics.pages.page_filters import Selection, store_label
from theseller.lib.marketplaces import local_day


def orders_csv(selection: Selection, table: OrderTable) -> HttpResponse:
    """Return the orders of the list, on all its pages, in its order.

    10,000 at most; then the last row says so. A cell is blank where Amazon has posted nothing, or
    states no price.
    """
    span = selection.choice.span
    page = order_page(selection.scope, span, replace(table.query(MOST_EXPORTED), cursor=None))
    rows = [_row(row, selection.scope.currency) for row in page.rows]
    if page.count > len(rows):
        rows.append([_cut_off(len(rows), page.count)])
    columns = [
        _("Order"),
        _("Store"),
        _("Order date"),
        _("Ordered at"),
        _("Status"),
        _("Replacement"),
        _("Units"),
        _("Currency"),
        _("Ordered sales"),
        _("Product sales posted"),
        _("Fees"),
        _("Refunds"),
        _("Net proceeds"),
        _("Deferred"),
        _("Payment"),
    ]
    name = f"theseller-orders-{selection.option.key}-{span.first}-{span.last}"
    return csv_response(name, columns, rows)


def _row(row: OrderSummary, currency: str) -> list[Cell]:
    money, posted = row.money, row.money.posted_lines > 0
    return [
        row.order_id,
        store_label(row.marketplace_id),
        local_day(row.marketplace_id, row.purchased_at),
        row.purchased_at,
        row.status,
        _("yes") if row.is_replacement else "",
        row.units,
        currency,
        None if row.unpriced and not row.sales else row.sales,
        money.product_sales if posted else None,
        money.fees if posted else None,
        money.refunded_sales if posted else None,
        money.net_proceeds if posted else None,
        money.deferred if money.deferred_lines else None,
        state_text(row),
    ]


def _cut_off(shown: int, count: int) -> str:
    return _("The file has the first %(shown)s of %(count)s orders: choose a shorter period.") % {
        "shown": f"{shown:,}",
        "count": f"{count:,}",
    }


def order_csv(order: OrderDetails) -> HttpResponse:
    """Return the lines of an order and its ledger lines, with how each counts."""
    rows: list[list[Cell]] = [
        [
            _("Ordered"),
            line.purchased_at,
            line.sku,
            "",
            _("Sale") if line.counted else _("Not a sale"),
            "",
            "",
            line.status,
            line.quantity,
            line.currency,
            line.item_price,
            "",
            "",
        ]
        for line in order.lines
    ]
    rows += [
        [
            _("Ledger"),
            entry.posted_at,
            entry.sku,
            _(charge_name(ChargeType(entry.kind))),
            _("Counts") if entry.treatment == "counted" else treatment_text(order, entry),
            entry.source,
            entry.source_key if entry.source == "settlement" else (entry.settlement_id or ""),
            entry.state,
            entry.quantity,
            entry.currency,
            entry.amount,
            entry.transaction_type,
            entry.breakdown,
        ]
        for entry in order.entries
    ]
    if order.cut_off:
        rows.append([_("The order has more lines than the file.")])
    return csv_response(f"theseller-order-{order.order_id}", _order_columns(), rows)


def _order_columns() -> list[str]:
    return [
        _("Part"),
        _("Time"),
        _("SKU"),
        _("Charge type"),
        _("Counts or why not"),
        _("Source"),
        _("Settlement"),
        _("Status"),
        _("Units"),
        _("Currency"),
        _("Amount"),
        _("Amazon transaction type"),
        _("Amazon description"),
    ]
