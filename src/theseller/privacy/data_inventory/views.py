"""The data inventory page and the export of a shop."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.types import Permission, TenantContext
from theseller.connections.queries import all_connections
from theseller.edge.rate_limits import Rate, by_account, limited
from theseller.erasure.tenant_erasure import tenant_erasure_requested_at
from theseller.lib import clock
from theseller.privacy.data_inventory.queries import data_inventory, next_authorization_expiry
from theseller.privacy.data_inventory.shop_facts_export import export, note_export
from theseller.privacy.deletion_requests.queries import requests_of_tenant
from theseller.retention.legal_holds import active_hold
from theseller.retention.retention_limits import ERASURE_DAYS_MAX, TENANT_GRACE_HOURS
from theseller.tenancy.tenant_scope import tenant_scope


@require_GET
@tenant_permission_required(Permission.DATA_READ)
def overview(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show what is stored about the shop, and each request for deletion.

    For data: how much, since when, why, until when. For requests: their state.
    """
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        connections = all_connections()
        sections = data_inventory(connections)
        requests = requests_of_tenant()
        hold = active_hold(at=at)
        ending_since = tenant_erasure_requested_at(tenant_context.tenant)
    facts = sum(one.rows for one in sections[0].items)
    context = {
        "sections": sections,
        "facts": facts,
        "open_connections": [view for view in connections if view.is_open],
        "requests": requests,
        "hold": hold,
        "ending_since": ending_since,
        "grace_hours": TENANT_GRACE_HOURS,
        "next_authorization_expiry": next_authorization_expiry(connections),
        "purge_days": ERASURE_DAYS_MAX,
        "may_export": tenant_context.may(Permission.DATA_EXPORT),
        "may_print": tenant_context.may(Permission.SLIP_PRINT),
        "may_switch": tenant_context.may(Permission.BUYER_PII_MANAGE),
        "at": at,
    }
    return render(request, "privacy/data_inventory.html", context)


@require_POST
@tenant_permission_required(Permission.DATA_EXPORT)
@step_up_required
@limited("export", {by_account: Rate.per_minute(1, burst=3)})
def export_file(request: HttpRequest, tenant_context: TenantContext) -> StreamingHttpResponse:
    """Send the shop's facts as a zip of CSV files, while they are read."""
    del request
    at = clock.now()
    note_export(tenant=tenant_context.tenant, actor=tenant_context.actor, at=at)
    body = export(tenant_context.tenant, deployment=settings.ENVIRONMENT.public_url, at=at)
    response = StreamingHttpResponse(body, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="shop-data-{at:%Y-%m-%d}.zip"'
    return response
