"""Which days of a page have data.

Missing data is a gap in a line and a note on a figure, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from theseller.analytics.pages.data_coverage import covered_days
from theseller.analytics.pages.metric_definitions import Metric
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Coverage
from theseller.analytics.rollups.types import Figures

Value = Decimal | int


@dataclass(frozen=True, slots=True)
class MetricCoverage:
    """The days that have data of orders, and those that have data of money."""

    orders: frozenset[date]
    money: frozenset[date]

    def of(self, metric: Metric) -> frozenset[date]:
        """Return the days that have data of what `metric` counts."""
        return self.money if metric.from_ledger else self.orders

    def whole(self, metric: Metric, span: Span | None) -> bool:
        """Return whether every day of `span` has data of what `metric` counts."""
        return span is not None and not self.missing(metric, span)

    def missing(self, metric: Metric, span: Span) -> int:
        """Return how many days of `span` have no data of what `metric` counts."""
        return sum(day not in self.of(metric) for day in span.days())

    def value(self, metric: Metric, days: Span, figures: dict[date, Figures]) -> Value | None:
        """Return the sum of `metric` over `days`; None if a day has no data.

        A single day with figures has a value all the same.
        """
        shown = [figures[day] for day in days.days() if day in figures]
        if shown and not any(metric.is_known(one) for one in shown):
            return None
        total: Value = sum((metric.value(one) for one in shown), 0)
        if self.whole(metric, days) or (days.length == 1 and total):
            return total
        return None

    def gaps(self, span: Span) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        """Return the ranges of `span` without data of orders, and of money."""
        found = Coverage(span, self.orders, self.money)
        return found.order_gaps, found.money_gaps


def metric_coverage(
    selection: Selection, at: datetime, *, context_days: int = 0, also: Sequence[Span] = ()
) -> MetricCoverage:
    """Return which days of a selection have data.

    The days of the period, of the period of comparison, `context_days` before the last day, and
    those of `also`.
    """
    choice = selection.choice
    context = Span(choice.span.last - timedelta(days=context_days), choice.span.last)
    spans = [choice.span, context, *([choice.before] if choice.before else ()), *also]
    return MetricCoverage(*covered_days(selection.scope, spans, at))
