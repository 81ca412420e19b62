"""What the traffic page shows: tiles, days, and the table of products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.sortable_table import SortableTable, table_links
from theseller.analytics.traffic.queries import Sort
from theseller.analytics.traffic.types import Traffic, TrafficOfDay, TrafficProducts

_SHORTEST_LINE = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of traffic; `is_ratio` ones are shown as percentages."""

    key: str
    label: str
    value: Callable[[Traffic], Decimal | int | None]
    is_ratio: bool


MEASURES = (
    Measure("sessions", gettext_noop("Sessions"), lambda one: one.sessions, is_ratio=False),
    Measure("views", gettext_noop("Page views"), lambda one: one.page_views, is_ratio=False),
    Measure("units", gettext_noop("Units ordered"), lambda one: one.units, is_ratio=False),
    Measure(
        "conversion",
        gettext_noop("Unit session percentage"),
        lambda one: one.unit_session_ratio,
        is_ratio=True,
    ),
    Measure(
        "featured",
        gettext_noop("Featured offer percentage"),
        lambda one: one.featured_ratio,
        is_ratio=True,
    ),
)
#: What the figures mean, for every reader.
DEFINITIONS = (
    (
        gettext_noop("Sessions"),
        gettext_noop(
            "The sum of daily sessions, as Amazon stated them. A person who comes back on another"
            " day, or opens another product, is counted again, so products do not add up to the"
            " store."
        ),
    ),
    (
        gettext_noop("Units ordered"),
        gettext_noop(
            "Units in Amazon\u2019s sales and traffic reports. They can differ from the units of"
            " the dashboard, which come from orders."
        ),
    ),
    (
        gettext_noop("Unit session percentage"),
        gettext_noop(
            "Units ordered divided by sessions, over all days shown. It can exceed 100 %, since one"
            " session can order several units. Percentages of days are never averaged."
        ),
    ),
    (
        gettext_noop("Featured offer percentage"),
        gettext_noop(
            "The share of page views on which your offer was the featured one (Buy Box), weighted"
            " by page views. Page views for which Amazon stated no share are left out."
        ),
    ),
    (
        gettext_noop("Preliminary"),
        gettext_noop("Amazon restates a day for up to 72 hours after it has ended."),
    ),
)
_HEADERS = tuple(zip(Sort, (one.label for one in MEASURES), strict=True))


def known_days(
    found: Mapping[date, TrafficOfDay], span: Span, stores: int, today: date
) -> tuple[list[date], list[date]]:
    """Return the days with data of every store, and the days that lack some.

    The current day is not over, and in neither.
    """
    over = [day for day in span.days() if day < today]
    whole = [day for day in over if day in found and found[day].stores == stores]
    return whole, [day for day in over if day not in set(whole)]


def total_of(found: Mapping[date, TrafficOfDay], span: Span) -> Traffic:
    """Return the sums over the days of a span that have data."""
    total = Traffic()
    for day, one in found.items():
        if span.first <= day <= span.last:
            total += one.traffic
    return total


def tiles(
    found: Mapping[date, TrafficOfDay], selection: Selection, *, compared: bool
) -> list[dict[str, Any]]:
    """Return a tile for each measure, with its change and line."""
    span, before = selection.choice.span, selection.choice.before
    now = total_of(found, span)
    earlier = total_of(found, before) if before and compared else None
    has_data = any(span.first <= day <= span.last for day in found)
    days = [found.get(day) for day in span.days()]
    return [
        {
            "label": one.label,
            "is_ratio": one.is_ratio,
            "now": one.value(now) if has_data else None,
            "before": one.value(earlier) if earlier else None,
            "values": (
                [one.value(day.traffic) if day else None for day in days]
                if len(days) >= _SHORTEST_LINE
                else []
            ),
        }
        for one in MEASURES
    ]


def day_rows(
    found: Mapping[date, TrafficOfDay], span: Span, stores: int, today: date
) -> list[dict[str, Any]]:
    """Return a row for each day up to the current one, the newest first."""
    return [
        {
            "day": day,
            "traffic": found[day].traffic if day in found else None,
            "preliminary": day in found and found[day].preliminary,
            "stores": (
                _("%(known)s of %(all)s stores") % {"known": found[day].stores, "all": stores}
                if day in found and found[day].stores < stores
                else ""
            ),
        }
        for day in reversed(span.days())
        if day <= today
    ]


def product_context(
    selection: Selection, table: SortableTable[Sort], found: TrafficProducts
) -> dict[str, Any]:
    """Return what the template of the product table shows."""
    return {
        "products": found,
        **table_links(selection, table, _HEADERS, len(found.rows), found.count),
    }
