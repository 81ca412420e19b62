"""The CSV files of the traffic page: its days, and its products."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from django.http import HttpResponse
from django.utils.translation import gettext as _

from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.traffic.types import Traffic, TrafficOfDay, TrafficProducts

_FIGURES = 5
_PLACES = Decimal("0.01")


def _labels() -> list[str]:
    return [
        _("Sessions"),
        _("Page views"),
        _("Units ordered"),
        _("Unit session percentage"),
        _("Featured offer percentage"),
    ]


def days_csv(selection: Selection, found: Mapping[date, TrafficOfDay], stores: int) -> HttpResponse:
    """Return one row for each day.

    The figures of a day without data are blank, not zero.
    """
    header = [_("Day"), *_labels(), _("Stores with data"), _("Stores"), _("Preliminary")]
    rows: list[list[Cell]] = []
    for day in selection.choice.span.days():
        one = found.get(day)
        rows.append(
            [
                day,
                *(_cells(one.traffic) if one else [None] * _FIGURES),
                one.stores if one else 0,
                stores,
                _("yes") if one and one.preliminary else "",
            ]
        )
    return csv_response(_name("traffic-days", selection), header, rows)


def products_csv(selection: Selection, found: TrafficProducts) -> HttpResponse:
    """Return one row for each product of the table, on all its pages."""
    header = [_("ASIN"), _("Product"), *_labels()]
    rows: list[list[Cell]] = [[one.asin, one.title, *_cells(one.traffic)] for one in found.rows]
    return csv_response(_name("traffic-products", selection), header, rows)


def _cells(traffic: Traffic) -> list[Cell]:
    return [
        traffic.sessions,
        traffic.page_views,
        traffic.units,
        _percentage(traffic.unit_session_ratio),
        _percentage(traffic.featured_ratio),
    ]


def _percentage(ratio: Decimal | None) -> Decimal | None:
    return None if ratio is None else (ratio * 100).quantize(_PLACES)


def _name(what: str, selection: Selection) -> str:
    span = selection.choice.span
    return f"theseller-{what}-{selection.option.key}-{span.first}-{span.last}"
