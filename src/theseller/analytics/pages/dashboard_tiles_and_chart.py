"""The dashboard's metric tiles and its main chart.

The chart shows the same series as a picture, as a table and as a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _

from theseller.analytics.pages import queries
from theseller.analytics.pages.metric_coverage import MetricCoverage, Value
from theseller.analytics.pages.metric_definitions import METRICS, Metric
from theseller.analytics.pages.page_filters import Selection, day_address
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.queries import DaySeries
from theseller.analytics.pages.tile_figures import as_complete, comparable, tile_figure
from theseller.edge.date_time_formatting import day_range, short_day, week_day
from theseller.edge.number_formatting import format_money, format_number, format_percent, style_for
from theseller.lib.money import Money, minor_unit_digits

#: A period shorter than this is charted with the days before it: one point is no chart.
_SHORTEST_CHART = 4
CONTEXT_DAYS = 14
#: Beyond this many days the weekly rhythm would hide everything else, so a point is a week.
_LONGEST_BY_DAY = 120


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the strip above the chart.

    `now` is None where nothing is posted or known, `before` where nothing can be compared. `mark`
    is a remark on the figure; with `warn` it says what is missing.
    """

    metric: Metric
    now: Money | int | None
    before: Money | int | None
    values: tuple[Value | None, ...]
    url: str
    current: bool
    mark: str
    warn: bool


@dataclass(frozen=True, slots=True)
class Points:
    """What a chart draws: one point for each day or each week.

    Weeks are counted back from the last day, so that the newest is whole.
    """

    spans: tuple[Span, ...]
    weekly: bool

    @classmethod
    def of(cls, span: Span) -> Points:
        """Return the points of a span: weeks if it has more than 120 days."""
        if span.length <= _LONGEST_BY_DAY:
            return cls(tuple(Span(day, day) for day in span.days()), weekly=False)
        ends = [span.last - timedelta(days=offset) for offset in range(0, span.length, 7)]
        return cls(
            tuple(Span(max(end - timedelta(days=6), span.first), end) for end in reversed(ends)),
            weekly=True,
        )

    def values(
        self, metric: Metric, series: DaySeries, known: MetricCoverage
    ) -> list[Value | None]:
        """Return the value of each point, None where days have no data."""
        return [known.value(metric, span, series.by_day) for span in self.spans]

    def whole(self, index: int) -> bool:
        """Return whether a point sums as many days as the others.

        A week of two days would look like a drop.
        """
        return not self.weekly or self.spans[index].length == 7


def chart_series(selection: Selection, series: DaySeries) -> DaySeries:
    """Return the series that the chart shows.

    It is the period itself, or for a period of fewer than four days the 14 days that end with it,
    without a comparison. What such a short period is compared with is in the tiles and the
    sentence; 14 earlier days would be another comparison.
    """
    span = selection.choice.span
    if span.length >= _SHORTEST_CHART:
        return series
    return queries.day_series(
        selection.scope, Span(span.last - timedelta(days=CONTEXT_DAYS - 1), span.last), None
    )


def tiles(
    selection: Selection, series: DaySeries, drawn: DaySeries, known: MetricCoverage
) -> list[Tile]:
    """Return the figures with their change and line."""
    points = Points.of(drawn.span)
    shown = [index for index in range(len(points.spans)) if points.whole(index)]
    if selection.choice.partial and not selection.one_partial_day and len(shown) >= _SHORTEST_CHART:
        shown.pop()  # A day that is not over would end every line with a fall.
    made = []
    for metric in METRICS:
        values = points.values(metric, drawn, known)
        figure = tile_figure(metric, selection, series, known)
        made.append(
            Tile(
                metric,
                figure.now,
                figure.before,
                tuple(values[index] for index in shown),
                selection.query(metric="" if metric is METRICS[0] else metric.key),
                metric is selection.metric,
                figure.mark,
                figure.warn,
            )
        )
    return made


def chart(
    selection: Selection, series: DaySeries, drawn: DaySeries, known: MetricCoverage
) -> dict[str, Any]:
    """Return the main chart: its data, its table, and its summary sentence."""
    metric, currency, choice = selection.metric, selection.scope.currency, selection.choice
    points = Points.of(drawn.span)
    now = points.values(metric, drawn, known)
    before = _before_values(selection, drawn, len(now), known)
    last = len(now) - 1
    data = {
        "days": [span.last.isoformat() for span in points.spans],
        "now": [
            None if value is None or not points.whole(index) else float(value)
            for index, value in enumerate(now)
        ],
        "before": [
            None if value is None or not points.whole(index) else float(value)
            for index, value in enumerate(before)
        ],
        "label": (
            _("%(figure)s by week") % {"figure": _(metric.label)}
            if points.weekly
            else _(metric.label)
        ),
        "beforeLabel": choice.before_label,
        "kind": "money" if metric.is_money else "number",
        "currency": currency,
        "digits": minor_unit_digits(currency) if metric.is_money else 0,
        "estimatedFrom": last if choice.partial and last > 0 else None,
        "estimatedLabel": _("day in progress"),
        "firsts": [span.first.isoformat() for span in points.spans] if points.weekly else None,
        "dayAddress": _address(selection, points),
    }
    rows = [
        {
            "day": _row_head(selection, span),
            "now": _text(value, metric, currency),
            "before": _text(earlier, metric, currency),
        }
        for span, value, earlier in zip(points.spans, now, before or [None] * len(now), strict=True)
    ]
    return {
        "data": data,
        "rows": rows,
        "summary": _summary(selection, series, points, now, known),
        "title": _(metric.label),
    }


def _address(selection: Selection, points: Points) -> str:
    """Return the URL of a point, with DAY and FIRST for its days.

    The script replaces DAY by the last and FIRST by the first day of the point.
    """
    if points.weekly:
        return selection.query(period="custom", **{"from": "FIRST", "to": "DAY"})
    return day_address(selection, date(1, 1, 1)).replace("0001-01-01", "DAY")


def _row_head(selection: Selection, span: Span) -> str:
    if span.length == 1:
        return format_html(
            '<a href="{}">{}</a>', day_address(selection, span.first), week_day(span.first)
        )
    return format_html(
        '<a href="{}">{}</a>', selection.for_span(span), day_range(span.first, span.last)
    )


def _before_values(
    selection: Selection, drawn: DaySeries, length: int, known: MetricCoverage
) -> list[Value | None]:
    """Return the values of the comparison, one for each point drawn.

    None where there are no figures yet; an empty list where there are none at all.
    """
    first = selection.option.first_day
    if drawn.before_span is None or drawn.before_span.last < first:
        return []
    points = Points.of(drawn.before_span)
    values = points.values(selection.metric, drawn, known)
    shown = [
        value if span.first >= first else None
        for span, value in zip(points.spans, values, strict=True)
    ][:length]
    if not any(value is not None for value in shown):
        return []  # A legend of a line that has no point would promise one.
    return shown + [None] * (length - len(shown))


def _text(value: Decimal | int | None, metric: Metric, currency: str) -> str:
    if value is None:
        return "\u2013"
    return (
        format_money(Money(Decimal(value), currency), style=style_for())
        if metric.is_money
        else format_number(value, style=style_for())
    )


def _summary(
    selection: Selection,
    series: DaySeries,
    points: Points,
    now: Sequence[Value | None],
    known: MetricCoverage,
) -> str:
    metric, currency, choice = selection.metric, selection.scope.currency, selection.choice
    total, earlier = Decimal(metric.value(series.total)), Decimal(metric.value(series.before))
    if metric.from_ledger and not series.total.posted_lines:
        return (
            _("has no data in this period.")
            if known.missing(metric, choice.span)
            else _("is not posted yet for this period.")
        )
    if not metric.is_known(series.total):
        return _("is not known: costs of these products are missing.")
    parts = [f"{_text(total, metric, currency)} {_(metric.basis)}"]
    if earlier and comparable(selection, metric, known) and as_complete(metric, series):
        ratio = (total - earlier) / abs(earlier)
        same_hour = choice.partial and not metric.from_ledger
        parts.append(", " + _change_text(ratio, choice.before_phrase, same_hour=same_hour))
    if any(now) and len(now) > 1:
        best = points.spans[max(range(len(now)), key=lambda index: now[index] or 0)]
        parts.append(
            _("; highest in the week to %(day)s") % {"day": short_day(best.last)}
            if points.weekly
            else _("; highest on %(day)s") % {"day": week_day(best.last)}
        )
    return "".join(parts) + "."


def _change_text(ratio: Decimal, before: str, *, same_hour: bool) -> str:
    """Return a change in words: ``up 12% on the previous 28 days``."""
    values = {"change": format_percent(abs(ratio), style=style_for()), "before": before}
    if same_hour:
        return (
            _("up %(change)s on %(before)s to the same hour")
            if ratio > 0
            else _("down %(change)s on %(before)s to the same hour")
        ) % values
    return (
        _("up %(change)s on %(before)s") if ratio > 0 else _("down %(change)s on %(before)s")
    ) % values
