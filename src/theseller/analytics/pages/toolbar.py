"""Show the choices of a page: period, comparison and stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.metric_definitions import METRICS
from theseller.analytics.pages.page_filters import Selection, StoreOption
from theseller.analytics.pages.periods import COMPARE_LABELS, LABELS, PeriodKey, Span, neighbours
from theseller.edge.date_time_formatting import day_range, week_day
from theseller.lib.marketplaces import MARKETPLACES

_SEGMENTS = (
    PeriodKey.TODAY,
    PeriodKey.YESTERDAY,
    PeriodKey.LAST_7,
    PeriodKey.LAST_28,
    PeriodKey.LAST_90,
    PeriodKey.MONTH,
    PeriodKey.LAST_MONTH,
    PeriodKey.LAST_12_MONTHS,
)


def toolbar(selection: Selection, options: Sequence[StoreOption]) -> dict[str, Any]:
    """Return the choices of the toolbar, each with its URL."""
    choice = selection.choice
    earlier, later = neighbours(choice)
    shown = (*_SEGMENTS, choice.key) if choice.key is PeriodKey.LAST_30 else _SEGMENTS
    return {
        "periods": [
            {
                "label": _(LABELS[key]),
                "key": key,
                "url": selection.query(period=key.value),
                "current": key is choice.key,
            }
            for key in shown
        ],
        "compares": [
            {"key": key, "label": _(label), "current": key is choice.compare}
            for key, label in COMPARE_LABELS.items()
        ],
        "stores": [
            {"key": option.key, "label": option.label, "current": option is selection.option}
            for option in options
        ],
        "custom": choice.key is PeriodKey.CUSTOM,
        "thirty": selection.query(period=PeriodKey.LAST_30.value),
        "earlier": selection.for_span(earlier),
        "later": selection.for_span(later) if later else "",
        "range": span_text(choice.span),
        "zone": zone_text(selection),
        "hidden": [("metric", selection.metric.key)] if selection.metric is not METRICS[0] else [],
    }


#: What people call the zone of a store; of the others, the city of the zone's name.
_CENTRAL_EUROPE = (
    "Amsterdam",
    "Berlin",
    "Brussels",
    "Madrid",
    "Paris",
    "Rome",
    "Stockholm",
    "Warsaw",
)
_ZONE_NAMES = {
    "America/Los_Angeles": gettext_noop("Pacific time (PT)"),
    "Europe/London": gettext_noop("UK time"),
    "Asia/Tokyo": gettext_noop("Japan time (JST)"),
    "Asia/Kolkata": gettext_noop("India time (IST)"),
    **{f"Europe/{city}": gettext_noop("Central European time (CET)") for city in _CENTRAL_EUROPE},
}


def zone_text(selection: Selection) -> str:
    """Return the time zone in which the days begin, as text.

    For example ``Pacific time (PT)``. Stores of several zones have one text together, which says
    that the days are those of each store's own zone; without stores it is ``UTC``.
    """
    zones = {
        MARKETPLACES[store].zone_name
        for store in selection.scope.marketplace_ids
        if store in MARKETPLACES
    }
    names = {
        _(_ZONE_NAMES[zone])
        if zone in _ZONE_NAMES
        else _("%(city)s time") % {"city": zone.rsplit("/", 1)[-1].replace("_", " ")}
        for zone in zones
    }
    if len(names) != 1:
        return _("each store\u2019s own time zone") if names else "UTC"
    return names.pop()


def span_text(span: Span) -> str:
    """Return a span as short text, such as ``Oct 27 - Nov 23, 2026``.

    The dash is an en dash. A span of one day is its date with the day of the week.
    """
    return week_day(span.first) if span.length == 1 else day_range(span.first, span.last)
