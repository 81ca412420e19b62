"""Views of the dashboard, the products, and the rows behind a day.

Each also answers htmx with the part that changes, and `format=csv` with a file.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import (
    csv_rows,
    dashboard_tiles_and_chart,
    data_quality_notes,
    page_filters,
    queries,
    toolbar,
    waterfall,
)
from theseller.analytics.pages.day_page import day_context
from theseller.analytics.pages.metric_coverage import MetricCoverage, metric_coverage
from theseller.analytics.pages.metric_definitions import BY_KEY, DEFINITIONS
from theseller.analytics.pages.page_filters import Selection, StoreOption, select, store_options
from theseller.analytics.pages.periods import Choice, Span, parse_day
from theseller.analytics.pages.product_queries import ProductQuery, product_page
from theseller.analytics.pages.product_table_context import product_context, read_table
from theseller.analytics.pages.queries import DaySeries
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.queries import DISCONNECT_REASON_TEXT, all_connections
from theseller.connections.types import Origin
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
            return _without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        series = queries.load_series(selection, at)
        if _exports(request, tenant_context, "days", at):
            return csv_rows.days_csv(selection, series, metric_coverage(selection, at))
        drawn = dashboard_tiles_and_chart.chart_series(selection, series)
        known = metric_coverage(selection, at, context_days=dashboard_tiles_and_chart.CONTEXT_DAYS)
        streams = progress()
        products = product_page(
            selection.scope,
            selection.choice.span,
            _before(selection, known),
            ProductQuery(most=_TOP_PRODUCTS),
        )
        context = {
            **_frame(tenant_context, selection, options),
            "at": at,
            "compared": _before(selection, known) is not None,
            "tiles": dashboard_tiles_and_chart.tiles(selection, series, drawn, known),
            "chart": dashboard_tiles_and_chart.chart(selection, series, drawn, known),
            "waterfall_rows": waterfall.waterfall_rows(selection, series.total, known),
            "definitions": DEFINITIONS,
            "data_quality": data_quality_notes.data_quality(
                selection, series.total, freshness(), streams, known
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
    return _page(request, "dashboard", context)


def _without_figures(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the page of a shop that has no figures yet.

    It says why data was erased, how the import of the history proceeds, or how to begin.
    """
    every = all_connections()
    connections = [connection for connection in every if connection.is_open]
    ended = [connection for connection in every if not connection.is_open]
    if request.headers.get("HX-Trigger") == "arrival":
        return HttpResponse(status=204)  # Still nothing: htmx leaves the page as it is.
    context = {
        "tenant_context": tenant_context,
        "connected": any(connection.origin is Origin.LWA for connection in connections),
        "ended": [
            {
                "view": view,
                "reason": (
                    _(DISCONNECT_REASON_TEXT[view.disconnect_reason])
                    if view.disconnect_reason
                    else ""
                ),
            }
            for view in ended
        ],
        "at": clock.now(),
        "imported": any(connection.origin is Origin.FILES for connection in connections),
        "may_connect": tenant_context.may(Permission.CONNECTION_MANAGE),
        "connect_url": _address("connections:choose"),
        "import_url": _address("ingest:import"),
        "progress_url": _address("ingest:progress"),
    }
    return _page(request, "welcome", context)


@require_safe
@compressed(unless=("q",))
@tenant_permission_required(Permission.DASHBOARD_READ)
def products(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show every product of the selection: searched, sorted, paged, compared."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return _without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        table, before = read_table(request.GET), _before(selection, metric_coverage(selection, at))
        if _exports(request, tenant_context, "products", at):
            return csv_rows.products_csv(selection, table, before)
        page = product_page(selection.scope, selection.choice.span, before, table.query())
        total = queries.day_series(selection.scope, selection.choice.span, None).total
        context = {
            **_frame(tenant_context, selection, options),
            "at": at,
            "compared": before is not None,
            **product_context(selection, table, page, total),
        }
    return _page(request, "products", context)


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
            return _without_figures(request, tenant_context)
        selection = select(request.GET, options, at)
        if _exports(request, tenant_context, "day", at):
            return csv_rows.day_csv(selection, wanted, most=_LINES_EXPORTED)
        shown = day_context(selection, wanted, at, most=_LINES_SHOWN)
        context = {
            **_frame(tenant_context, selection, options),
            "at": at,
            "definitions": DEFINITIONS,
            **shown,
        }
    return _page(request, "day", context)


def _exports(request: HttpRequest, tenant_context: TenantContext, page: str, at: datetime) -> bool:
    """Return whether `page` is requested as a file.

    Then the export is recorded in the audit log, in this transaction.

    Raises:
        PermissionDenied: the member may read the page but not download it, or an operator's access
            session is open.
    """
    if request.GET.get("format") != "csv":
        return False
    if tenant_context.access_session is not None or not tenant_context.may(
        Permission.DASHBOARD_EXPORT
    ):
        raise PermissionDenied(
            "Your role in this shop does not allow you to download its figures. Ask an owner of the"
            " shop."
        )
    if request.method != "HEAD":
        details = {"what": page}
        record(
            Tag.DATA_EXPORTED,
            actor=tenant_context.actor,
            tenant=tenant_context.tenant,
            subject=f"tenant:{tenant_context.tenant}",
            at=at,
            details=details,
        )
    return True


def _before(selection: Selection, known: MetricCoverage) -> Span | None:
    """Return the days that products are compared with.

    None where they, or those of the period, have days without data of orders.
    """
    compared = (
        dashboard_tiles_and_chart.comparable(selection, BY_KEY["sales"], known)
        and not selection.one_partial_day
    )
    return selection.choice.before if compared else None


def _frame(
    tenant_context: TenantContext, selection: Selection, options: tuple[StoreOption, ...]
) -> dict[str, Any]:
    return {
        "tenant_context": tenant_context,
        "selection": selection,
        "choice": selection.choice,
        "currency": selection.scope.currency,
        "toolbar": toolbar.toolbar(selection, options),
        "query": selection.query(),
        "csv_url": (
            selection.query(format="csv")
            if tenant_context.access_session is None
            and tenant_context.may(Permission.DASHBOARD_EXPORT)
            else ""
        ),
        "progress_url": _address("ingest:progress"),
        "import_url": _address("ingest:import"),
    }


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Render the whole page, or for htmx the part inside the frame.

    Back and forward make htmx request whole pages.
    """
    partial = (
        request.headers.get("HX-Request") == "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )
    response = render(
        request,
        f"analytics/{name}.html",
        {**context, "base": "analytics/part.html" if partial else "analytics/frame.html"},
    )
    response["Cache-Control"] = "private, no-store"
    patch_vary_headers(response, ("HX-Request",))
    return response


def _address(name: str) -> str:
    # A package that is not mounted has no URL, and the page then no link.
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _has_days(choice: Choice, series: DaySeries) -> bool:
    """Return whether any day of the period has figures."""
    return any(choice.span.first <= day <= choice.span.last for day in series.by_day)
