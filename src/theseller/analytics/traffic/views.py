"""View of the traffic page, with its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages.page_filters import Selection, select, store_options
from theseller.analytics.pages.page_responses import exports, frame, page_response
from theseller.analytics.pages.sortable_table import PAGE_SIZE, read_table
from theseller.analytics.traffic import csv_rows
from theseller.analytics.traffic.page_context import (
    DEFINITIONS,
    day_rows,
    known_days,
    product_context,
    tiles,
)
from theseller.analytics.traffic.queries import (
    ProductQuery,
    Sort,
    traffic_days,
    traffic_products,
    traffic_stores,
)
from theseller.analytics.traffic.types import TrafficOfDay
from theseller.edge.compression_decorator import compressed
from theseller.ingest.sync.queries import progress
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

_MOST_PRODUCTS = 100_000
_STREAM = "traffic"


@require_safe
@compressed(unless=("q",))
@tenant_permission_required(Permission.DASHBOARD_READ)
def traffic_page(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show sessions, page views and conversion by day and by product."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(traffic_stores())
        if not options:
            return _without_traffic(request, tenant_context)
        selection = select(request.GET, options, at)
        choice, stores = selection.choice, len(selection.scope.marketplace_ids)
        found = traffic_days(selection.scope, choice.span, at)
        table = read_table(request.GET, Sort.SESSIONS)
        if exports(request, tenant_context, "traffic", at):
            if request.GET.get("rows") != "products":
                return csv_rows.days_csv(selection, found, stores)
            everything = ProductQuery(table.sort, table.descending, table.search, _MOST_PRODUCTS)
            return csv_rows.products_csv(
                selection, traffic_products(selection.scope, choice.span, None, everything)
            )
        known, missing = known_days(found, choice.span, stores, choice.today)
        before = traffic_days(selection.scope, choice.before, at) if choice.before else {}
        compared = _compared(selection, missing, before, stores)
        query = ProductQuery(table.sort, table.descending, table.search, PAGE_SIZE, table.skip)
        products = traffic_products(
            selection.scope, choice.span, choice.before if compared else None, query
        )
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            "definitions": DEFINITIONS,
            "tiles": tiles({**before, **found}, selection, compared=compared),
            "days": day_rows(found, choice.span, stores, choice.today),
            "has_data": bool(found),
            "missing": len(missing),
            "days_over": len(known) + len(missing),
            "preliminary": sum(one.preliminary for one in found.values()),
            "compared": compared,
            **product_context(selection, table, products),
            "days_csv_url": selection.query(format="csv"),
            "products_csv_url": selection.query(
                **table.words(page=""), format="csv", rows="products"
            ),
        }
    return page_response(request, "traffic", context)


def _compared(
    selection: Selection,
    missing: Sequence[date],
    before: Mapping[date, TrafficOfDay],
    stores: int,
) -> bool:
    """Return whether both periods have data of every store on each day."""
    choice = selection.choice
    if choice.before is None or missing or choice.partial:
        return False
    whole, lacking = known_days(before, choice.before, stores, choice.today)
    return bool(whole) and not lacking


def _without_traffic(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Say why there is no traffic, and where it can come from."""
    stream = next((one for one in progress() if one.name == _STREAM), None)
    may_connect = stream is None and tenant_context.may(Permission.CONNECTION_MANAGE)
    context = {
        "tenant_context": tenant_context,
        "stream": stream,
        "choose_url": reverse("connections:choose") if may_connect else "",
        "progress_url": reverse("ingest:progress"),
        "import_url": (
            reverse("ingest:import") if tenant_context.may(Permission.DOCUMENT_IMPORT) else ""
        ),
    }
    return page_response(request, "traffic", context)
