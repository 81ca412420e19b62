"""The tiles of periods side by side.

Today, yesterday, this month and the last: each shows the figures that the dashboard shows of its
period, computed by the same functions, and links to it. Their days are read at once, and the
figures of each are a part of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from django.utils.translation import gettext as _

from theseller.analytics.pages import queries
from theseller.analytics.pages.data_quality_notes import incomparable
from theseller.analytics.pages.metric_coverage import MetricCoverage
from theseller.analytics.pages.metric_definitions import METRICS, Metric
from theseller.analytics.pages.month_forecast import (
    HISTORY_DAYS,
    ForecastDays,
    forecast,
    forecast_days,
)
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.periods import (
    LABELS,
    Choice,
    Compare,
    PeriodKey,
    Span,
    add_months,
    choose,
)
from theseller.analytics.pages.tile_figures import TileFigure, tile_figure
from theseller.analytics.pages.toolbar import span_text
from theseller.analytics.rollups.types import Figures
from theseller.edge.date_time_formatting import day as day_text
from theseller.edge.date_time_formatting import day_range
from theseller.lib.marketplaces import MARKETPLACES, local_day
from theseller.lib.money import Money, minor_unit_digits

_BEFORE_FORECAST = (PeriodKey.TODAY, PeriodKey.YESTERDAY, PeriodKey.MONTH)
_FORECAST = "forecast"
#: What is forecast: figures by purchase date. Amazon posts money days later and in batches, so that
#: the newest days have only a part of theirs.
FORECAST_METRICS = tuple(metric for metric in METRICS if not metric.from_ledger)


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said below a tile; with `warn` it says what is missing."""

    text: str
    warn: bool


@dataclass(frozen=True, slots=True)
class PeriodTile:
    """One period with its figures; the first of them is shown large.

    `compared` says with what they are compared, or why they are not; `remarks` what is missing,
    and what a forecast is made of. `current` is whether the page shows this period.
    """

    key: str
    label: str
    days: str
    url: str
    current: bool
    figures: tuple[TileFigure, ...]
    compared: str
    remarks: tuple[Remark, ...]


def days_of_tiles(today: date) -> Span:
    """Return the days of all tiles, since the month before last.

    Those that are compared and those of the forecast are among them.
    """
    return Span(add_months(today.replace(day=1), -2), today)


def period_tiles(selection: Selection, known: MetricCoverage, at: datetime) -> list[PeriodTile]:
    """Return the tiles for the stores of a selection.

    Its own period does not matter. None if none of their days has data. `known` has the days of
    `days_of_tiles`.
    """
    span = days_of_tiles(selection.choice.today)
    by_day = queries.day_series(selection.scope, span, None).by_day
    if not by_day and not (known.orders | known.money) & set(span.days()):
        return []
    return [
        *(_tile(key, selection, by_day, known, at) for key in _BEFORE_FORECAST),
        _forecast_tile(selection, by_day, known, at),
        _tile(PeriodKey.LAST_MONTH, selection, by_day, known, at),
    ]


def _choice(key: PeriodKey, today: date) -> Choice:
    """Return a tile's period: a day is compared with the same weekday."""
    choice = choose(period=key.value, compare=Compare.PREVIOUS.value, today=today)
    if key in {PeriodKey.TODAY, PeriodKey.YESTERDAY}:
        return replace(choice, before=choice.span.shifted(-7))
    return choice


def _tile(
    key: PeriodKey,
    selection: Selection,
    by_day: Mapping[date, Figures],
    known: MetricCoverage,
    at: datetime,
) -> PeriodTile:
    choice = _choice(key, selection.choice.today)
    chosen = replace(selection, choice=choice)
    series = queries.part_of(by_day, choice.span, choice.before)
    if chosen.comparable:
        series = queries.to_the_same_time(chosen, series, at)
    figures = tuple(tile_figure(metric, chosen, series, known) for metric in METRICS)
    return PeriodTile(
        key.value,
        _(LABELS[key]),
        span_text(choice.span),
        selection.query(period=key.value),
        selection.choice.key is key,
        figures,
        _compared(chosen, figures, known),
        tuple(_remarks(figures)),
    )


def _compared(chosen: Selection, figures: Iterable[TileFigure], known: MetricCoverage) -> str:
    """Return what the figures are compared with, or why they are not."""
    choice = chosen.choice
    if choice.before is None or not any(one.before is not None for one in figures):
        return incomparable(chosen, known)
    values = {"days": span_text(choice.before)}
    if not queries.ends_at_the_same_time(choice):
        return _("Compared with %(days)s") % values
    if choice.span.length == 1:
        return _("Compared with %(days)s to the same time of day") % values
    return _("Compared with %(days)s, orders of the last day to the same time of day") % values


def _remarks(figures: Iterable[TileFigure]) -> Iterable[Remark]:
    """Return why figures are missing or not whole, each reason once."""
    said = set()
    for one in figures:
        if not one.mark or not (one.warn or one.now is None):
            continue
        name = _("Money") if one.metric.from_ledger else _("Orders")
        if (one.mark, name) in said:
            continue
        said.add((one.mark, name))
        shown = _(one.metric.label) if one.metric.key == "profit" else name
        yield Remark(f"{shown}: {one.mark}", one.warn)


def _forecast_tile(
    selection: Selection, by_day: Mapping[date, Figures], known: MetricCoverage, at: datetime
) -> PeriodTile:
    today = selection.choice.today
    stores = [store for store in selection.scope.marketplace_ids if store in MARKETPLACES]
    first_open = min([today, *(local_day(store, at) for store in stores)])
    days = forecast_days(today, first_open)
    missing = _too_little(selection, known, days)
    before = _choice(PeriodKey.LAST_MONTH, today)
    # The forecast is of a whole month, so that it is compared with a whole one.
    month = replace(before, span=days.month, before=before.span)
    figures = tuple(
        _forecast_figure(metric, replace(selection, choice=month), by_day, known, days, missing)
        for metric in FORECAST_METRICS
    )
    compared = any(one.before is not None for one in figures)
    return PeriodTile(
        _FORECAST,
        _("Forecast of this month"),
        span_text(days.month),
        selection.query(period=PeriodKey.MONTH.value),
        current=False,
        figures=figures,
        compared=_("Compared with %(days)s") % {"days": span_text(before.span)} if compared else "",
        remarks=(
            (Remark(missing, warn=True),)
            if missing
            else (
                Remark(_basis(days), warn=False),
                Remark(_("Amazon posts refunds, fees and proceeds later"), warn=False),
            )
        ),
    )


def _forecast_figure(
    metric: Metric,
    month: Selection,
    by_day: Mapping[date, Figures],
    known: MetricCoverage,
    days: ForecastDays,
    missing: str,
) -> TileFigure:
    currency, before = month.scope.currency, month.choice.before
    if missing or before is None:
        return TileFigure(metric, None, None, "", warn=False)
    values = {day: metric.value(figures) for day, figures in by_day.items()}
    digits = minor_unit_digits(currency) if metric.is_money else 0
    amount = forecast(values, days).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    compared = month.comparable and known.whole(metric, before)
    return TileFigure(
        metric,
        Money(amount, currency) if metric.is_money else int(amount),
        metric.shown(queries.part_of(by_day, before, None).total, currency) if compared else None,
        "",
        warn=False,
    )


def _too_little(selection: Selection, known: MetricCoverage, days: ForecastDays) -> str:
    """Return why there is no forecast; "" if there is one."""
    if selection.option.first_day > days.history.first:
        return _("No forecast: it needs %(days)d whole days, and figures begin on %(day)s") % {
            "days": HISTORY_DAYS,
            "day": day_text(selection.option.first_day),
        }
    gaps = Span(min(days.needed), max(days.needed))
    if days.needed <= known.orders:
        return ""
    return _("No forecast: orders of some days of %(days)s have not been read") % {
        "days": day_range(gaps.first, gaps.last)
    }


def _basis(days: ForecastDays) -> str:
    """Return what the forecast is made of."""
    means = _("for %(left)s the mean of each weekday in %(history)s") % {
        "left": span_text(days.remaining),
        "history": day_range(days.history.first, days.history.last),
    }
    if not days.whole:
        return _("Estimate: %(means)s") % {"means": means}
    return _("Estimate: %(whole)s as ordered, and %(means)s") % {
        "whole": day_range(days.whole[0], days.whole[-1]),
        "means": means,
    }
