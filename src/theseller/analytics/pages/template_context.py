"""Template context of the pages: toolbar, waterfall, data quality.

The toolbar, the waterfall, and the remarks on freshness and data quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from theseller.analytics.pages import queries
from theseller.analytics.pages.data_coverage import contains_tax
from theseller.analytics.pages.metric_coverage import MetricCoverage
from theseller.analytics.pages.metric_definitions import BY_KEY, METRICS
from theseller.analytics.pages.page_filters import Selection, StoreOption, same_time_on
from theseller.analytics.pages.periods import (
    COMPARE_LABELS,
    LABELS,
    Choice,
    Compare,
    PeriodKey,
    Span,
    neighbours,
)
from theseller.analytics.pages.queries import DaySeries
from theseller.analytics.rollups.types import Figures
from theseller.edge.date_time_formatting import day as day_text
from theseller.edge.date_time_formatting import day_range, week_day
from theseller.edge.number_formatting import format_number
from theseller.edge.types import WaterfallRow
from theseller.ingest.types import Freshness, StreamProgress
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.money import Money

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

#: How many ranges without data are named; of the others only the number is said.
_GAPS_NAMED = 3


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
    r"""Return the time zone in which the days begin, as text.

    For example ``Pacific time (PT)``, or ``each store\u2019s own time zone``.
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
    r"""Return a span as short text: ``Oct 27 \u2013 Nov 23, 2026``."""
    return week_day(span.first) if span.length == 1 else day_range(span.first, span.last)


def load_series(selection: Selection, at: datetime) -> DaySeries:
    """Read the figures of the selection.

    A period that ends today is compared with the same part of its last day.
    """
    choice = selection.choice
    series = queries.day_series(selection.scope, choice.span, choice.before)
    if not choice.partial or choice.before is None or choice.before.length != choice.span.length:
        return series
    whole = series.by_day.get(choice.before.last, Figures())
    part = queries.ordered_so_far(
        selection.scope, choice.before.last, same_time_on(selection.scope, choice.before.last, at)
    )
    before = replace(
        series.before,
        orders=series.before.orders - whole.orders + part.orders,
        units=series.before.units - whole.units + part.units,
        ordered_sales=series.before.ordered_sales - whole.ordered_sales + part.ordered_sales,
    )
    return replace(series, before=before)


def day_address(selection: Selection, day: date) -> str:
    """Return the URL of the page of a day."""
    address = reverse("analytics:day", args=[day.isoformat()])
    return f"{address}?store={selection.chosen_store}" if selection.chosen_store else address


def waterfall_rows(
    selection: Selection, total: Figures, known: MetricCoverage
) -> list[WaterfallRow]:
    """Return the lines from ordered sales to net proceeds.

    The second and the third are the difference between the bases: order date and posted date.
    """
    span = selection.choice.span
    url = day_address(selection, span.first) if span.length == 1 else ""
    steps = (
        (_("Deferred sales"), -total.deferred_sales, _("sales that Amazon defers")),
        (
            _("Sales not yet posted"),
            total.product_sales - total.ordered_sales + total.deferred_sales,
            _not_posted(selection, known),
        ),
        (_("Shipping & gift wrap credits"), total.credits, ""),
        (_("Discounts"), total.discounts, ""),
        (
            _("Refunds"),
            total.refunded_sales,
            (
                ngettext("%(orders)s order", "%(orders)s orders", total.refunds)
                % {"orders": format_number(total.refunds)}
                if total.refunds
                else ""
            ),
        ),
        (_("Referral & selling fees"), total.selling_fees, ""),
        (_("FBA fulfillment & returns"), total.fulfilment_fees, ""),
        (_("FBA storage & inbound"), total.storage_fees, ""),
        (_("Other fees"), total.other_fees, ""),
        (_("Advertising"), total.advertising, ""),
        (_("Reimbursements"), total.reimbursements, ""),
        (_("Not classified"), total.unclassified, ""),
    )
    currency = selection.scope.currency
    rows = [
        WaterfallRow(_("Ordered sales"), Money(total.ordered_sales, currency), total=True, url=url)
    ]
    rows += [
        WaterfallRow(label, Money(amount, currency), note=note, url=url)
        for label, amount, note in steps
        if amount
    ]
    return [
        *rows,
        WaterfallRow(_("Net proceeds"), Money(total.net_proceeds, currency), total=True, url=url),
    ]


def _not_posted(selection: Selection, known: MetricCoverage) -> str:
    """Return what the sales not yet posted consist of, as text."""
    if known.whole(BY_KEY["net"], selection.choice.span):
        return _("less those posted from earlier orders")
    return _("part of the period has no data of money")


def data_quality(
    selection: Selection,
    total: Figures,
    until: Freshness,
    streams: Sequence[StreamProgress],
    known: MetricCoverage,
) -> dict[str, Any]:
    """Return what the page says about the figures' quality.

    How fresh they are, how much is settled, and what is missing.
    """
    choice, settled = selection.choice, _share(total.settled_days, total.ledger_days)
    fresh = ((_("Orders"), until.orders_until), (_("Money"), until.money_until))
    return {
        "fresh": [(label, instant) for label, instant in fresh if instant is not None],
        "failing": [stream for stream in streams if stream.step == "failed"],
        "last_day": selection.option.last_day,
        "pending_orders": total.pending_orders,
        "unpriced_units": total.unpriced_units,
        "gaps": _gaps(selection, known),
        "tax": Money(total.ordered_tax, selection.scope.currency) if total.ordered_tax else None,
        "contains_tax": contains_tax(selection.scope),
        "deferred": Money(total.deferred, selection.scope.currency) if total.deferred else None,
        "settled_share": settled,
        "open_share": None if settled is None else 1 - settled,
        "unclassified": (
            Money(total.unclassified, selection.scope.currency) if total.unclassified else None
        ),
        "partial": choice.partial,
        "partial_text": _partial_text(selection),
        "incomparable": _incomparable(selection, known),
    }


def _gaps(selection: Selection, known: MetricCoverage) -> list[tuple[str, str]]:
    """Return the days without data of orders, and of money, as text."""
    found = zip((_("orders"), _("money")), known.gaps(selection.choice.span), strict=True)
    return [(name, _stretches(gaps)) for name, gaps in found if gaps]


def _stretches(gaps: Sequence[Span]) -> str:
    text = "; ".join(day_range(gap.first, gap.last) for gap in gaps[:_GAPS_NAMED])
    more = len(gaps) - _GAPS_NAMED
    if more <= 0:
        return text
    return ngettext(
        "%(days)s and %(more)d more stretch", "%(days)s and %(more)d more stretches", more
    ) % {"days": text, "more": more}


def _incomparable(selection: Selection, known: MetricCoverage) -> str:
    """Return why figures are not compared; "" if they are."""
    choice = selection.choice
    if choice.before is None:
        return ""
    if not selection.comparable:
        return _("No comparable data: figures begin on %(day)s and are kept for 18 months") % {
            "day": day_text(selection.option.first_day)
        }
    if known.whole(BY_KEY["sales"], choice.before) and known.whole(BY_KEY["net"], choice.before):
        return ""
    return _("Not compared where %(days)s has days without data") % {
        "days": day_range(choice.before.first, choice.before.last)
    }


def _partial_text(selection: Selection) -> str:
    """Return that the last day is not over, and what it is compared with."""
    choice = selection.choice
    if not selection.comparable:
        return _("Today is not over") if choice.span.length == 1 else _("The last day is not over")
    if choice.span.length > 1:
        return _("The last day is not over: its sales are compared with the same time of day")
    if choice.compare is Compare.YEAR:
        return _("Today so far, compared with the same time a year earlier")
    return _("Today so far, compared with the same time yesterday")


def _share(part: int, whole: int) -> Decimal | None:
    """Return a share that is 0 or 1 only if it is exactly that.

    Others are at least 0.01 and at most 0.99; None if the whole is 0.
    """
    if not whole:
        return None
    share = Decimal(part) / whole
    return share if share in {0, 1} else min(max(share, Decimal("0.01")), Decimal("0.99"))


def latest_figures_span(option: StoreOption) -> Span:
    """Return the last 28 days that have figures.

    A page whose period is empty links to them.
    """
    return Span(max(option.first_day, option.last_day - timedelta(days=27)), option.last_day)


def choice_has_days(choice: Choice, series: DaySeries) -> bool:
    """Return whether any day of the period has figures."""
    return any(choice.span.first <= day <= choice.span.last for day in series.by_day)
