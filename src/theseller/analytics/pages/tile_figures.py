"""A figure of a period as the dashboard's tiles show it.

It has its comparison and a remark.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from theseller.analytics.pages.data_quality_notes import contains_tax
from theseller.analytics.pages.metric_coverage import MetricCoverage
from theseller.analytics.pages.metric_definitions import Metric
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.queries import DaySeries
from theseller.analytics.rollups.types import Figures
from theseller.edge.number_formatting import format_percent, style_for
from theseller.lib.money import Money


@dataclass(frozen=True, slots=True)
class TileFigure:
    """One figure of a period.

    `now` is None where nothing is posted or known, `before` where nothing can be compared. `mark`
    is a remark on the figure; with `warn` it says what is missing.
    """

    metric: Metric
    now: Money | int | None
    before: Money | int | None
    mark: str
    warn: bool


def tile_figure(
    metric: Metric, selection: Selection, series: DaySeries, known: MetricCoverage
) -> TileFigure:
    """Return the figure of the period of a selection.

    `series` has the figures of its days and of those that they are compared with.
    """
    currency = selection.scope.currency
    now = metric.shown(series.total, currency)
    if not known.of(metric) & set(selection.choice.span.days()) and not metric.value(series.total):
        now = None
    compared = (
        now is not None and comparable(selection, metric, known) and as_complete(metric, series)
    )
    return TileFigure(
        metric,
        now,
        metric.shown(series.before, currency) if compared else None,
        *_mark(metric, series.total, selection, known),
    )


def comparable(selection: Selection, metric: Metric, known: MetricCoverage) -> bool:
    """Return whether a figure may be compared.

    Both periods must have data on every day. Money of one partial day is not compared: money is
    posted in batches, not evenly through the day.
    """
    choice = selection.choice
    if metric.from_ledger and selection.one_partial_day:
        return False
    return (
        selection.comparable
        and known.whole(metric, choice.span)
        and known.whole(metric, choice.before)
    )


def as_complete(metric: Metric, series: DaySeries) -> bool:
    """Return whether both periods know all costs that `metric` needs."""
    return metric.key != "profit" or not (
        series.total.uncosted_lines or series.before.uncosted_lines
    )


def _mark(
    metric: Metric, total: Figures, selection: Selection, known: MetricCoverage
) -> tuple[str, bool]:
    """Return the remark on a figure, and whether it says what is missing."""
    span = selection.choice.span
    missing = known.missing(metric, span)
    if missing == span.length:
        return _("no data"), True
    if missing:
        return (
            _("%(missing)d of %(days)d days missing") % {"missing": missing, "days": span.length},
            True,
        )
    if metric.from_ledger and not total.posted_lines:
        return _("not posted yet"), False
    if metric.key == "profit" and (not metric.is_known(total) or total.uncosted_lines):
        return _cost_mark(total), True
    notes = []
    if metric.key in {"net", "profit"} and total.deferred:
        notes.append(_("excl. deferred"))
    if metric.key in {"sales", "net", "profit"} and contains_tax(selection.scope):
        notes.append(_("incl. VAT"))
    return ", ".join(notes), False


def _cost_mark(total: Figures) -> str:
    """Return of how much of the sales the profit is known."""
    if total.profit is None:
        return _("costs missing") if total.cost_days else _("no costs entered")
    if total.costed_share is None or not total.uncosted_sales:
        return _("without products that have no cost")
    return _("of %(share)s of sales") % {
        "share": format_percent(total.costed_share, 0, style=style_for())
    }
