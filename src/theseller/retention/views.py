"""The seller's view of an erasure: how far it is, and its certificate."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from theseller.accounts.seats import seated
from theseller.accounts.types import Permission, Seat
from theseller.connections.queries import connection_view
from theseller.lib import clock
from theseller.retention.certificate import verify_certificate
from theseller.retention.operations import record_download
from theseller.retention.queries import certificate, purges
from theseller.tenancy.scope import tenant_scope


@require_GET
@seated(Permission.CERTIFICATE_READ)
def erasure(request: HttpRequest, seat: Seat, connection: UUID) -> HttpResponse:
    """Show how far the erasure of a closed connection is; with its certificate once it is proven."""
    with tenant_scope(seat.tenant):
        view = connection_view(connection)
        purge = purges().get(connection)
        issued = certificate(connection)
    if view is None:
        raise Http404
    verified = verify_certificate(issued[1]) if issued else None
    context = {"connection": view, "purge": purge, "certificate": verified, "at": clock.now()}
    return render(request, "retention/erasure.html", context)


@require_GET
@seated(Permission.CERTIFICATE_READ)
def certificate_file(request: HttpRequest, seat: Seat, connection: UUID) -> HttpResponse:
    """Hand out the certificate as a file."""
    del request
    with tenant_scope(seat.tenant):
        issued = certificate(connection)
    if issued is None:
        raise Http404
    certificate_id, content = issued
    record_download(connection=connection, certificate=certificate_id, tenant=seat.tenant, actor=seat.actor, at=clock.now())
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="deletion-certificate-{certificate_id}.json"'
    return response
