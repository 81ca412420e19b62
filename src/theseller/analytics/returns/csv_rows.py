"""The CSV file of the page of returns."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpResponse
from django.utils.translation import gettext as _

from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.returns.types import ReturnsPage

_PLACES = Decimal("0.01")


def returns_csv(selection: Selection, found: ReturnsPage) -> HttpResponse:
    """Return one row for each product of the table, on all its pages.

    What is not known is blank.
    """
    header = [
        _("SKU"),
        _("ASIN"),
        _("Product"),
        _("Units sold"),
        _("Units returned"),
        _("Return rate"),
        _("Sellable"),
        _("Refunded"),
        _("Currency"),
        _("Reasons"),
        _("First day"),
        _("Last day"),
    ]
    rows: list[list[Cell]] = [
        [
            one.sku,
            one.asin,
            one.title,
            one.returns.sold,
            one.returns.returned,
            _percentage(one.returns.rate),
            _percentage(one.returns.sellable_share),
            one.returns.refunded,
            selection.scope.currency,
            "; ".join(f"{reason} {units}" for reason, units in one.reasons),
            found.first,
            found.last,
        ]
        for one in found.rows
    ]
    span = selection.choice.span
    name = f"theseller-returns-{selection.option.key}-{span.first}-{span.last}"
    return csv_response(name, header, rows)


def _percentage(ratio: Decimal | None) -> Decimal | None:
    return None if ratio is None else (ratio * 100).quantize(_PLACES)
