"""Views of the dashboard, the products, and the rows behind a day.

Each also answers htmx with the part that changes, and `format=csv` with a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.expenses.queries import expenses_by_day
from theseller.analytics.pages import (
    csv_rows,
    dashboard_tiles_and_chart,
    data_quality_notes,
    page_filters,
    period_tiles,
    queries,
    toolbar,
    waterfall,
)
from theseller.analytics.pages.day_page import day_context
from theseller.analytics.pages.metric_coverage import MetricCoverage, metric_coverage
from theseller.analytics.pages.metric_definitions import BY_KEY, DEFINITIONS
from theseller.analytics.pages.page_filters import (
    Selection,
    StoreOption,
    has_whole_currency,
    select,
    store_options,
)
from theseller.analytics.pages.page_responses import (
    exports,
    frame,
    page_response,
    without_figures,
)
from theseller.analytics.pages.periods import Choice, Span, parse_day
from theseller.analytics.pages.product_queries import ProductQuery, Sort, product_page
from theseller.analytics.pages.product_table_context import product_context
from theseller.analytics.pages.queries import DaySeries
from theseller.analytics.pages.sortable_table import PAGE_SIZE, read_table
from theseller.analytics.pages.tile_figures import comparable
from theseller.analytics.profit.goods_sold import UnknownCosts, unknown_costs
from theseller.analytics.rollups.types import Figures
from theseller.connections.queries import all_connections
from theseller.edge.compression_decorator import compressed
from theseller.ingest.sync.queries import freshness, is_running, progress
from theseller.ingest.sync.sync_summary import summarize
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

_TOP_PRODUCTS = 10
_LINES_SHOWN, _LINES_EXPORTED = 400, 50_000


@login_not_required
@require_safe
@compressed()
def start(request: HttpRequest) -> HttpResponseBase:
    """Show the dashboard to a signed-in person, and the start page to others.

    The start page says what this is and links to sign-in.
    """
    if request.user.is_authenticated:
        return dashboard(request)
    # A link into the dashboard, or a page whose session is over.
    if request.GET or request.headers.get("HX-Request") == "true":
        return redirect_to_login(request.get_full_path())
    return render(request, "edge/start.html")


@tenant_permission_required(Permission.DASHBOARD_READ)
def dashboard(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the figures of the shop.

    The period, the comparison, the stores and the metric are in the URL.
    """
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        series = queries.load_series(selection, at)
        if exports(request, tenant_context, "days", at):
            return csv_rows.days_csv(selection, series, metric_coverage(selection, at))
        drawn = dashboard_tiles_and_chart.chart_series(selection, series)
        beside = period_tiles.days_of_tiles(selection.choice.today)
        known = metric_coverage(
            selection, at, context_days=dashboard_tiles_and_chart.CONTEXT_DAYS, also=[beside]
        )
        streams = progress()
        products = product_page(
            selection.scope,
            selection.choice.span,
            _before(selection, known),
            ProductQuery(most=_TOP_PRODUCTS),
        )
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            "compared": _before(selection, known) is not None,
            "period_tiles": period_tiles.period_tiles(selection, known, at),
            "tiles": dashboard_tiles_and_chart.tiles(selection, series, drawn, known),
            "chart": dashboard_tiles_and_chart.chart(selection, series, drawn, known),
            "waterfall_rows": waterfall.waterfall_rows(
                selection, _with_expenses(selection, options, series.total), known
            ),
            "definitions": DEFINITIONS,
            "data_quality": data_quality_notes.data_quality(
                selection,
                series.total,
                freshness(),
                streams,
                known,
                _unknown_costs(selection, series),
            ),
            "missing_costs_url": page_filters.missing_costs_address(
                selection, selection.choice.span
            ),
            "products": products,
            "top_products": [product for product in products.rows if product.units],
            "has_figures": _has_days(selection.choice, series),
            "latest": selection.for_span(page_filters.latest_figures_span(selection.option)),
            "latest_text": toolbar.span_text(page_filters.latest_figures_span(selection.option)),
            "streams": streams,
            "running": is_running(streams),
            "summary": summarize(streams, all_connections(), at),
        }
    return page_response(request, "dashboard", context)


@require_safe
@compressed(unless=("q",))
@tenant_permission_required(Permission.DASHBOARD_READ)
def products(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show every product of the selection: searched, sorted, paged, compared."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        table = read_table(request.GET, Sort.SALES)
        before = _before(selection, metric_coverage(selection, at))
        if exports(request, tenant_context, "products", at):
            return csv_rows.products_csv(selection, table, before)
        query = ProductQuery(table.sort, table.descending, table.search, PAGE_SIZE, table.skip)
        page = product_page(selection.scope, selection.choice.span, before, query)
        total = queries.day_series(selection.scope, selection.choice.span, None).total
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            "compared": before is not None,
            "missing_costs_url": page_filters.missing_costs_address(
                selection, selection.choice.span
            ),
            **product_context(selection, table, page, total),
        }
    return page_response(request, "products", context)


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def day(request: HttpRequest, tenant_context: TenantContext, day: str) -> HttpResponse:
    """Show the rows behind one day's figures.

    Ledger lines by charge type and orders, for each store of the selection.
    """
    at, wanted = clock.now(), parse_day(day)
    if wanted is None or not date(2000, 1, 1) <= wanted < date(2200, 1, 1):
        raise Http404
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        if exports(request, tenant_context, "day", at):
            return csv_rows.day_csv(selection, wanted, most=_LINES_EXPORTED)
        shown = day_context(selection, wanted, at, most=_LINES_SHOWN)
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            "definitions": DEFINITIONS,
            **shown,
        }
    return page_response(request, "day", context)


def _unknown_costs(selection: Selection, series: DaySeries) -> UnknownCosts:
    """Return how many products with posted money have no known cost."""
    total, span = series.total, selection.choice.span
    if not total.posted_lines or (total.cost_days and not total.uncosted_lines):
        return UnknownCosts(0, 0)
    scope = selection.scope
    return unknown_costs(scope.marketplace_ids, scope.currency, span.first, span.last)


def _with_expenses(selection: Selection, options: Sequence[StoreOption], total: Figures) -> Figures:
    """Return the figures of the period with its expenses, if any are entered."""
    span = selection.choice.span
    whole_shop = has_whole_currency(selection.option, options)
    by_day = expenses_by_day(selection.scope, span, whole_shop=whole_shop)
    if by_day is None:
        return total
    return replace(total, expenses=sum(by_day.values(), Decimal(0)), expense_days=span.length)


def _before(selection: Selection, known: MetricCoverage) -> Span | None:
    """Return the days that products are compared with.

    None where they, or those of the period, have days without data of orders.
    """
    compared = comparable(selection, BY_KEY["sales"], known) and not selection.one_partial_day
    return selection.choice.before if compared else None


def _has_days(choice: Choice, series: DaySeries) -> bool:
    """Return whether any day of the period has figures."""
    return any(choice.span.first <= day <= choice.span.last for day in series.by_day)
