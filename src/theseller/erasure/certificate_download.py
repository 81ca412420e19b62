"""A certificate as an HTTP download, and the URL of its public link."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from theseller.lib.secret_type import Secret


def certificate_response(identity: UUID, content: bytes) -> HttpResponse:
    """Return a certificate as a file to keep."""
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="deletion-certificate-{identity}.json"'
    return response


def certificate_url(link: Secret) -> str:
    """Return the whole address that a link's token makes."""
    return settings.ENVIRONMENT.public_url + reverse("erasure:end-proof", args=[link.reveal()])
