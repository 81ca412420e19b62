"""The page of the profit and loss statement by month, and its files."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.expenses.queries import expenses_by_day
from theseller.analytics.pages import queries
from theseller.analytics.pages.csv_response import Cell as FileCell
from theseller.analytics.pages.csv_response import csv_response
from theseller.analytics.pages.data_coverage import coverage
from theseller.analytics.pages.monthly_statement import (
    DEFAULT_MONTHS,
    MONEY,
    MONTH_CHOICES,
    Cell,
    Row,
    Statement,
    months_until,
    statement,
)
from theseller.analytics.pages.page_filters import (
    Selection,
    has_whole_currency,
    missing_costs_address,
    select,
    store_options,
    today_in,
)
from theseller.analytics.pages.page_responses import (
    exports,
    frame,
    may_export,
    page_response,
    without_figures,
)
from theseller.analytics.pages.periods import Span, add_months, parse_day
from theseller.analytics.pages.workbook_response import workbook_response
from theseller.edge.compression_decorator import compressed
from theseller.edge.date_time_formatting import month_and_year
from theseller.lib import clock
from theseller.lib.money import Money
from theseller.tenancy.tenant_scope import tenant_scope

_CSV, _XLSX = "csv", "xlsx"


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def profit_and_loss(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show sales, fees, net proceeds and profit of each month, as a statement.

    The store, the last month and the number of months are in the URL.
    """
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        today = today_in(selection.scope, at)
        last, count = _last_day(request.GET, selection, today), _count(request.GET)
        months = months_until(last, count, selection.option.first_day)
        span = Span(months[0].first, months[-1].last)
        shown = statement(
            months,
            queries.day_series(selection.scope, span, None).by_day,
            coverage(selection.scope, span, at),
            selection.scope.currency,
            expenses_by_day(
                selection.scope,
                span,
                whole_shop=has_whole_currency(selection.option, options),
            ),
        )
        if exports(request, tenant_context, "profit-and-loss", at, formats=(_CSV, _XLSX)):
            return _file(selection, shown, request.GET["format"])
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            **_context(selection, shown, last, count, today),
            "may_export": may_export(tenant_context),
        }
    return page_response(request, "profit_and_loss", context)


def _count(words: QueryDict) -> int:
    text = words.get("months", "")
    return int(text) if text in {str(one) for one in MONTH_CHOICES} else DEFAULT_MONTHS


def _last_day(words: QueryDict, selection: Selection, today: date) -> date:
    """Return the last day of the month that `until` names.

    Today at the latest.
    """
    begin = parse_day(f"{words.get('until', '')}-01")
    if begin is None or not selection.option.first_day.replace(day=1) <= begin <= today:
        return today
    return min(add_months(begin, 1) - timedelta(days=1), today)


def _context(
    selection: Selection, shown: Statement, last: date, count: int, today: date
) -> dict[str, Any]:
    months, first_day = shown.months, selection.option.first_day
    earlier, later = add_months(last.replace(day=1), -1), add_months(last.replace(day=1), 1)

    def words(until: date = last, **over: str) -> str:
        return _query(selection, until, count, today, **over)

    return {
        "statement": shown,
        "sections": (
            (_("By purchase date"), shown.ordered),
            (_("By the day Amazon posted it"), shown.posted),
        ),
        "months": [
            {
                "label": month_and_year(month.first),
                "url": reverse("analytics:dashboard") + selection.for_span(month),
                "partial": month.last == today and (today + timedelta(days=1)).day != 1,
            }
            for month in reversed(months)
        ],
        "range": f"{month_and_year(months[0].first)} \u2013 {month_and_year(last)}",
        "month_choices": MONTH_CHOICES,
        "count": count,
        "until": "" if last == today else f"{last:%Y-%m}",
        "earlier": words(earlier) if earlier >= first_day.replace(day=1) else "",
        "later": words(later) if later <= today else "",
        "gaps": any(cell.missing for row in shown.rows for cell in row.cells),
        "missing_costs_url": (
            missing_costs_address(selection, Span(months[0].first, months[-1].last))
            if shown.lacks_costs
            else ""
        ),
        "csv_words": words(format=_CSV),
        "xlsx_words": words(format=_XLSX),
    }


def _query(selection: Selection, until: date, count: int, today: date, **over: str) -> str:
    """Return the query string of the page, without what is the default."""
    words = {
        "store": selection.chosen_store,
        "months": "" if count == DEFAULT_MONTHS else str(count),
        "until": "" if (until.year, until.month) == (today.year, today.month) else f"{until:%Y-%m}",
    } | over
    return "?" + urlencode({name: value for name, value in words.items() if value})


def _file(selection: Selection, shown: Statement, kind: str) -> HttpResponse:
    """Return the statement as a file.

    It has a column for each month, the oldest first, and one for their total.
    """
    months = shown.months
    name = (
        f"theseller-profit-and-loss-{selection.option.key}-{months[0].first:%Y-%m}-"
        f"{months[-1].first:%Y-%m}"
    )
    header = [
        "Line",
        "Basis",
        "Currency",
        *(f"{month.first:%Y-%m}" for month in months),
        "Total",
    ]
    rows = [
        line
        for basis in (shown.ordered, shown.posted)
        for line in (
            *(_file_row(row, selection.scope.currency) for row in basis),
            _days_without_data(basis[0]),
        )
    ]
    if kind == _XLSX:
        return workbook_response(name, "Profit and loss", header, rows)
    return csv_response(name, header, rows)


def _days_without_data(row: Row) -> list[FileCell]:
    """Return how many days of each month have no data of the row's basis."""
    cells = (*row.cells, row.total)
    return ["Days without data", _basis(row), None, *(cell.missing for cell in cells)]


def _basis(row: Row) -> str:
    return "Purchase date" if row.line.ordered else "Posted date"


def _file_row(row: Row, currency: str) -> list[FileCell]:
    line = row.line
    return [
        line.label,
        _basis(row),
        currency if line.unit == MONEY else None,
        *(_file_cell(cell) for cell in row.cells),
        _file_cell(row.total),
    ]


def _file_cell(cell: Cell) -> FileCell:
    value = cell.value
    if isinstance(value, Money):
        return value.amount
    return round(value, 4) if isinstance(value, Decimal) else value
