"""The seller's page of what is held, and their facts as a file."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from theseller.accounts.mfa.views import stepped_up
from theseller.accounts.seats import seated
from theseller.accounts.types import Permission, Seat
from theseller.connections.queries import all_connections
from theseller.edge.ratelimit import Rate, by_account, limited
from theseller.erasure.tenants import shop_end_asked_at
from theseller.governance.deletion_requests.queries import requests_of_shop
from theseller.governance.held.export import export, note_export
from theseller.governance.held.queries import held, next_end
from theseller.lib import clock
from theseller.retention.holds import active_hold
from theseller.retention.limits import ERASURE_DAYS_MAX, TENANT_GRACE_HOURS
from theseller.tenancy.scope import tenant_scope


@require_GET
@seated(Permission.DATA_READ)
def overview(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show what is held of the shop: how much, since when, why, until when; and each request for deletion with its state."""
    at = clock.now()
    with tenant_scope(seat.tenant):
        connections = all_connections()
        parts = held(connections)
        requests = requests_of_shop()
        hold = active_hold(at=at)
        ending_since = shop_end_asked_at(seat.tenant)
    facts = sum(one.rows for one in parts[0].held)
    context = {
        "parts": parts,
        "facts": facts,
        "open_connections": [view for view in connections if view.is_open],
        "requests": requests,
        "hold": hold,
        "ending_since": ending_since,
        "grace_hours": TENANT_GRACE_HOURS,
        "next_end": next_end(connections),
        "purge_days": ERASURE_DAYS_MAX,
        "may_export": seat.may(Permission.DATA_EXPORT),
        "may_print": seat.may(Permission.SLIP_PRINT),
        "may_switch": seat.may(Permission.VAULT_MANAGE),
        "at": at,
    }
    return render(request, "held/held.html", context)


@require_POST
@seated(Permission.DATA_EXPORT)
@stepped_up
@limited("export", {by_account: Rate.per_minute(1, burst=3)})
def export_file(request: HttpRequest, seat: Seat) -> StreamingHttpResponse:
    """Hand out the shop's facts as a zip of CSV files, while they are read."""
    del request
    at = clock.now()
    note_export(tenant=seat.tenant, actor=seat.actor, at=at)
    body = export(seat.tenant, deployment=settings.ENVIRONMENT.public_url, at=at)
    response = StreamingHttpResponse(body, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="shop-data-{at:%Y-%m-%d}.zip"'
    return response
