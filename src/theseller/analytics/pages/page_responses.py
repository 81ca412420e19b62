"""What the pages of analytics have in common: frame, response, download.

And the page of a shop without figures.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import toolbar
from theseller.analytics.pages.page_filters import Selection, StoreOption
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.queries import DISCONNECT_REASON_TEXT, all_connections
from theseller.connections.types import Origin
from theseller.lib import clock


def without_figures(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
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
        "connect_url": address_of("connections:choose"),
        "import_url": address_of("ingest:import"),
        "progress_url": address_of("ingest:progress"),
    }
    return page_response(request, "welcome", context)


def exports(
    request: HttpRequest,
    tenant_context: TenantContext,
    page: str,
    at: datetime,
    *,
    formats: Collection[str] = ("csv",),
) -> bool:
    """Return whether `page` is requested as a file of one of `formats`.

    Then the export is recorded in the audit log, in this transaction, and the rest of the request
    is in English: programs read files.

    Raises:
        PermissionDenied: the member may read the page but not download it, or an operator's access
            session is open.
    """
    if request.GET.get("format") not in formats:
        return False
    if not may_export(tenant_context):
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
    translation.activate(settings.LANGUAGE_CODE)
    return True


def may_export(tenant_context: TenantContext) -> bool:
    """Return whether the person may download figures.

    No one may in an operator's access session.
    """
    return tenant_context.access_session is None and tenant_context.may(Permission.DASHBOARD_EXPORT)


def frame(
    tenant_context: TenantContext, selection: Selection, options: tuple[StoreOption, ...]
) -> dict[str, Any]:
    """Return what every page with figures shows: shop, selection, toolbar."""
    return {
        "tenant_context": tenant_context,
        "selection": selection,
        "choice": selection.choice,
        "currency": selection.scope.currency,
        "toolbar": toolbar.toolbar(selection, options),
        "query": selection.query(),
        "csv_url": (selection.query(format="csv") if may_export(tenant_context) else ""),
        "progress_url": address_of("ingest:progress"),
        "import_url": address_of("ingest:import"),
    }


def page_response(
    request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render the whole page, or for htmx the part inside the frame.

    Back and forward make htmx request whole pages.
    """
    partial = (
        request.headers.get("HX-Request") == "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )
    base = "analytics/part.html" if partial else "analytics/frame.html"
    response = whole_page(request, name, {**context, "base": base}, status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response


def whole_page(
    request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a whole page that no browser or proxy may store."""
    response = render(request, f"analytics/{name}.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def address_of(name: str) -> str:
    """Return the URL of a view; empty where it is not mounted."""
    # A package that is not mounted has no URL, and the page then no link.
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
