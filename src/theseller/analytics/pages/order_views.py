"""Views of the list of orders and of one order.

Each also answers `format=csv` with a file.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import queries
from theseller.analytics.pages.order_csv_rows import order_csv, orders_csv
from theseller.analytics.pages.order_list import (
    WHOLE_NUMBER,
    order_list_context,
    read_order_table,
)
from theseller.analytics.pages.order_page import ORDER_ID, order_context, read_order
from theseller.analytics.pages.order_queries import is_stored, order_page
from theseller.analytics.pages.page_filters import select, store_options
from theseller.analytics.pages.page_responses import (
    exports,
    frame,
    may_export,
    page_response,
    without_figures,
)
from theseller.edge.compression_decorator import compressed
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

#: The most ledger lines, and lines, of an order that are read.
_MOST_LINES = 2_000


@require_safe
@compressed(unless=("q", "sku"))
@tenant_permission_required(Permission.DASHBOARD_READ)
def orders(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the orders placed in the period, with what Amazon posted for them.

    A whole order number opens the order, whatever its day.
    """
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return without_figures(request, tenant_context)
        selection, table = select(request.GET, options, at), read_order_table(request.GET)
        if WHOLE_NUMBER.fullmatch(table.search) and is_stored(table.search):
            return redirect("analytics:order", order=table.search)
        if exports(request, tenant_context, "orders", at):
            return orders_csv(selection, table)
        page = order_page(selection.scope, selection.choice.span, table.query())
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            **order_list_context(selection, table, page),
        }
    return page_response(request, "orders", context)


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def order(request: HttpRequest, tenant_context: TenantContext, order: str) -> HttpResponse:
    """Show the lines and ledger lines of an order, and which of them count."""
    at = clock.now()
    if not ORDER_ID.fullmatch(order):
        raise Http404
    with tenant_scope(tenant_context.tenant):
        found = read_order(order, most=_MOST_LINES)
        if found is None:
            raise Http404
        if exports(request, tenant_context, "order", at):
            return order_csv(found)
        context = {
            "tenant_context": tenant_context,
            "at": at,
            "csv_url": "?format=csv" if may_export(tenant_context) else "",
            **order_context(found),
        }
    return page_response(request, "order", context)
