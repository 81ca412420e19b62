"""View of the page of returns, with its file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages.page_filters import select, store_options
from theseller.analytics.pages.page_responses import exports, frame, page_response
from theseller.analytics.pages.sortable_table import PAGE_SIZE, read_table
from theseller.analytics.returns.csv_rows import returns_csv
from theseller.analytics.returns.page_context import DEFINITIONS, return_query, table_context
from theseller.analytics.returns.queries import Sort, returned_products, stores_with_returns
from theseller.edge.compression_decorator import compressed
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

_MOST_PRODUCTS = 100_000


@require_safe
@compressed(unless=("q",))
@tenant_permission_required(Permission.DASHBOARD_READ)
def returns_page(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show which products come back, why, and what was refunded for them."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(stores_with_returns())
        may_import = tenant_context.may(Permission.DOCUMENT_IMPORT)
        import_url = reverse("ingest:import") if may_import else ""
        if not options:
            context = {"tenant_context": tenant_context, "import_url": import_url}
            return page_response(request, "returns", context)
        selection = select(request.GET, options, at)
        table = read_table(request.GET, Sort.REFUNDED)
        span = selection.choice.span
        if exports(request, tenant_context, "returns", at):
            everything = return_query(table, _MOST_PRODUCTS, 0)
            return returns_csv(selection, returned_products(selection.scope, span, everything))
        query = return_query(table, PAGE_SIZE, table.skip)
        found = returned_products(selection.scope, span, query)
        context = {
            **frame(tenant_context, selection, options),
            "at": at,
            "import_url": import_url,
            "definitions": DEFINITIONS,
            "clipped": bool(found.first and (found.first, found.last) != (span.first, span.last)),
            **table_context(selection, table, found),
            "file_url": selection.query(**table.words(page=""), format="csv"),
        }
    return page_response(request, "returns", context)
