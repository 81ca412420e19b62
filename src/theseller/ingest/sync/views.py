"""The page of a shop's sync.

A part of it refreshes every two seconds while something arrives.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.connections.queries import all_connections
from theseller.ingest.sync import queries
from theseller.ingest.sync.sync_summary import expects_streams, summarize
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope


@require_GET
@tenant_permission_required(Permission.DASHBOARD_READ)
def progress(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the sync's state.

    As a page; for htmx the panel, and for the panel itself its list and line.
    """
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        streams, connections = queries.progress(), all_connections()
    running = expects_streams(streams, connections) or queries.is_running(streams)
    polled = request.headers.get("HX-Trigger") == "progress"
    name = (
        "progress_list"
        if polled
        else "sync"
        if request.headers.get("HX-Request") == "true"
        else "progress"
    )
    summary = summarize(streams, connections, at)
    context = {
        "streams": streams,
        "running": running,
        "summary": summary,
        "at": at,
        "partial": polled,
        "open": running,
    }
    response = render(request, f"ingest/{name}.html", context)
    response.headers["Vary"] = "HX-Request, HX-Trigger"
    return response
