"""How far a shop's data is: a page, and the part of it that looks again every two seconds while something arrives."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from theseller.accounts.seats import seated
from theseller.accounts.types import Permission, Seat
from theseller.connections.queries import all_connections
from theseller.connections.types import Origin
from theseller.ingest import queries
from theseller.lib import clock
from theseller.tenancy.scope import tenant_scope


@require_GET
@seated(Permission.DASHBOARD_READ)
def progress(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show the progress; for htmx only its list."""
    with tenant_scope(seat.tenant):
        streams = queries.progress()
        # A connection of a moment ago has no streams until the planner has seen it: keep looking.
        expected = not streams and any(view.is_open and view.origin is Origin.LWA for view in all_connections())
    context = {"streams": streams, "running": expected or queries.is_running(streams), "at": clock.now()}
    partial = request.headers.get("HX-Request") == "true"
    response = render(request, "ingest/progress_list.html" if partial else "ingest/progress.html", context)
    response.headers["Vary"] = "HX-Request"
    return response
