"""The page of an erasure: how far it is, and its certificate."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.connections.queries import connection_view
from theseller.edge.rate_limits import Rate, by_ip, limited
from theseller.erasure.certificate_download import certificate_response
from theseller.erasure.certificate_download_log import record_download, record_linked_download
from theseller.erasure.certificate_links import follow_link
from theseller.erasure.certificate_verification import certified_subject, verify_certificate
from theseller.erasure.failure_records import failed_erasure
from theseller.erasure.queries import connection_certificate, erasures_of_tenant
from theseller.erasure.types import SubjectKind
from theseller.lib import clock
from theseller.retention.retention_limits import CERTIFICATE_LINK_DAYS, ERASURE_DAYS_MAX
from theseller.tenancy.tenant_scope import tenant_scope


@require_GET
@tenant_permission_required(Permission.CERTIFICATE_READ)
def erasure(request: HttpRequest, tenant_context: TenantContext, connection: UUID) -> HttpResponse:
    """Show the erasure of a closed connection, and its certificate."""
    with tenant_scope(tenant_context.tenant):
        view = connection_view(connection)
        progress = erasures_of_tenant().get(connection)
        issued = connection_certificate(connection)
        failing = failed_erasure(connection)
    if view is None:
        raise Http404
    ended = view.disconnected_at
    return _page(
        request,
        issued,
        layout="edge/base.html",
        kind=SubjectKind.CONNECTION.certified,
        is_open=view.is_open,
        requested_at=ended,
        erased_at=progress.erased_at if progress else None,
        progress=progress,
        failing=failing,
        due_at=ended + timedelta(days=ERASURE_DAYS_MAX) if ended else None,
        page_url=reverse("erasure:erasure", args=[connection]),
        file_url=reverse("erasure:certificate", args=[connection]),
    )


@require_GET
@tenant_permission_required(Permission.CERTIFICATE_READ)
def certificate_file(
    request: HttpRequest, tenant_context: TenantContext, connection: UUID
) -> HttpResponse:
    """Return the certificate as a file."""
    del request
    with tenant_scope(tenant_context.tenant):
        issued = connection_certificate(connection)
    if issued is None:
        raise Http404
    certificate_id, content = issued
    record_download(
        connection=connection,
        certificate=certificate_id,
        tenant=tenant_context.tenant,
        actor=tenant_context.actor,
        at=clock.now(),
    )
    return certificate_response(certificate_id, content)


@never_cache
@login_not_required
@require_GET
@limited("end-proof", {by_ip: Rate.per_minute(30, burst=60)})
def linked_erasure(request: HttpRequest, token: str) -> HttpResponse:
    """Show the erasure of a tenant or a user to anyone who has the link.

    With `?file`, return the certificate.
    """
    at = clock.now()
    found = follow_link(token, at=at)
    if found is None:
        return render(
            request, "erasure/link_unknown.html", {"link_days": CERTIFICATE_LINK_DAYS}, status=404
        )
    if "file" in request.GET and found.certificate:
        record_linked_download(certificate=found.certificate[0], at=at)
        return certificate_response(*found.certificate)
    page = reverse("erasure:end-proof", args=[token])
    return _page(
        request,
        found.certificate,
        layout="edge/bare.html",
        kind=found.kind.certified,
        requested_at=found.requested_at,
        erased_at=found.erased_at,
        expires_at=found.expires_at,
        page_url=page,
        file_url=f"{page}?file",
    )


def _page(
    request: HttpRequest, issued: tuple[UUID, bytes] | None, **context: object
) -> HttpResponse:
    """Render the page of an erasure of any kind."""
    verified = verify_certificate(issued[1]) if issued else None
    context |= {
        "certificate": verified,
        "certified": certified_subject(verified.body) if verified else None,
        "at": clock.now(),
        "days": ERASURE_DAYS_MAX,
    }
    return render(request, "erasure/erasure.html", context)
