"""Health check, and the handlers of error pages for the URL table."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from theseller.edge.error_pages import (
    bad_request,
    csrf_failure,
    not_found,
    permission_denied,
    server_error,
)

__all__ = [
    "bad_request",
    "csrf_failure",
    "healthz",
    "not_found",
    "permission_denied",
    "server_error",
]


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer ``ok`` while this process runs.

    It does not query the database: a database restart must not restart this process.
    """
    del request
    return HttpResponse(
        "ok", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )
