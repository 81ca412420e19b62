"""The seller's view of an erasure: how far it is, and its certificate. Of a shop's end, or a person's, for who has the link to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.connections.queries import connection_view
from theseller.edge.ratelimit import Rate, by_ip, limited
from theseller.erasure.certificate_file import verify_certificate
from theseller.erasure.failure_records import failed_erasure
from theseller.erasure.operations import record_download, record_proof_download
from theseller.erasure.queries import certificate, purges
from theseller.erasure.responses import certificate_response
from theseller.erasure.subject_certificates import linked_end
from theseller.lib import clock
from theseller.retention.limits import CERTIFICATE_LINK_DAYS, ERASURE_DAYS_MAX
from theseller.tenancy.scope import tenant_scope


@require_GET
@tenant_permission_required(Permission.CERTIFICATE_READ)
def erasure(request: HttpRequest, tenant_context: TenantContext, connection: UUID) -> HttpResponse:
    """Show how far the erasure of a closed connection is; with its certificate once it is proven."""
    with tenant_scope(tenant_context.tenant):
        view = connection_view(connection)
        purge = purges().get(connection)
        issued = certificate(connection)
        failing = failed_erasure(connection)
    if view is None:
        raise Http404
    verified = verify_certificate(issued[1]) if issued else None
    context: dict[str, Any] = {"connection": view, "purge": purge, "certificate": verified, "failing": failing, "at": clock.now()}
    if failing and view.disconnected_at:
        context["due_at"] = view.disconnected_at + timedelta(days=ERASURE_DAYS_MAX)
    return render(request, "erasure/connection.html", context)


@require_GET
@tenant_permission_required(Permission.CERTIFICATE_READ)
def certificate_file(request: HttpRequest, tenant_context: TenantContext, connection: UUID) -> HttpResponse:
    """Hand out the certificate as a file."""
    del request
    with tenant_scope(tenant_context.tenant):
        issued = certificate(connection)
    if issued is None:
        raise Http404
    certificate_id, content = issued
    record_download(
        connection=connection, certificate=certificate_id, tenant=tenant_context.tenant, actor=tenant_context.actor, at=clock.now()
    )
    return certificate_response(certificate_id, content)


@never_cache
@login_not_required
@require_GET
@limited("end-proof", {by_ip: Rate.per_minute(30, burst=60)})
def end_proof(request: HttpRequest, token: str) -> HttpResponse:
    """Show who has the link how far the end of their shop or account is; with `?file`, hand out the certificate once it is issued."""
    at = clock.now()
    found = linked_end(token, at=at)
    if found is None:
        return render(request, "erasure/proof_unknown.html", {"link_days": CERTIFICATE_LINK_DAYS}, status=404)
    if "file" in request.GET and found.certificate:
        record_proof_download(certificate=found.certificate[0], at=at)
        return certificate_response(*found.certificate)
    verified = verify_certificate(found.certificate[1]) if found.certificate else None
    context = {"end": found, "certificate": verified, "token": token, "at": at, "days": ERASURE_DAYS_MAX}
    return render(request, "erasure/proof.html", context)
