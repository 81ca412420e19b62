"""The CSV of the inventory page: the rows that it shows, on all its pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from django.utils.translation import gettext as _

from theseller.analytics.inventory.types import BAND_LABELS, ProductInventory, decimal_of
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import store_label


def inventory_csv(rows: Sequence[ProductInventory], at: datetime) -> HttpResponse:
    """Return the rows as a file. What is unknown is a blank cell."""
    header = [
        _("Store"),
        _("SKU"),
        _("ASIN"),
        _("Product"),
        _("Fulfillable"),
        _("Inbound"),
        _("Reserved"),
        _("Unfulfillable"),
        _("Total"),
        _("As of"),
        _("Units a day, 7 days"),
        _("Units a day, 30 days"),
        _("Units a day, 90 days"),
        _("Days of cover"),
        _("Status"),
        _("Lead time (days)"),
        _("Safety (days)"),
        _("Target cover (days)"),
        _("Carton size (units)"),
        _("Minimum quantity (units)"),
        _("Order by"),
        _("Days late"),
        _("Quantity to order"),
    ]
    name = f"theseller-inventory-{at.date().isoformat()}"
    return csv_response(name, header, [_cells(row) for row in rows])


def _cells(row: ProductInventory) -> list[Cell]:
    level, inputs, reorder = row.level, row.inputs, row.reorder
    return [
        store_label(level.marketplace_id),
        level.sku,
        level.asin,
        level.title,
        level.fulfillable,
        level.inbound,
        level.reserved,
        level.unfulfillable,
        level.total,
        level.as_of,
        *(decimal_of(one.per_day, 4) for one in row.windows),
        row.cover,
        _(BAND_LABELS[row.band]),
        inputs.lead_time_days,
        inputs.safety_days,
        inputs.target_cover_days,
        inputs.carton_size,
        inputs.minimum_quantity,
        reorder.order_by,
        reorder.days_late if reorder.order_by else None,
        reorder.quantity,
    ]
