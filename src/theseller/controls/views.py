"""The public security page, its JSON, and the evidence of one clause.

They need no sign-in.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from theseller.controls import security_page_data
from theseller.controls.queries import history
from theseller.edge import date_time_formatting
from theseller.edge.compression_decorator import compressed
from theseller.lib import clock

#: The page is public, so any cache may store it for a short time; the page shows its own time.
_CACHED = "public, max-age=15"


@login_not_required
@require_safe
@compressed()
def security(request: HttpRequest) -> HttpResponse:
    """Show every clause with what its probe saw last, and when."""
    shown = security_page_data.security_page(clock.now())
    response = render(
        request,
        "controls/page.html",
        security_page_data.template_context(
            shown, public_keys=security_page_data.certificate_keys()
        ),
    )
    response["Cache-Control"] = _CACHED
    return response


@login_not_required
@require_safe
@compressed()
def security_json(request: HttpRequest) -> HttpResponse:
    """Answer the same as JSON."""
    del request
    document = {
        **security_page_data.as_json_document(security_page_data.security_page(clock.now())),
        "certificate_public_keys": security_page_data.certificate_keys(),
    }
    return JsonResponse(
        document,
        json_dumps_params={"indent": 1},
        headers={"Cache-Control": _CACHED, "Access-Control-Allow-Origin": "*"},
    )


@login_not_required
@require_safe
@compressed()
def clause(request: HttpRequest, clause: str) -> HttpResponse:
    """Show one clause with its last twenty pieces of evidence."""
    at = clock.now()
    one = next(
        (one for one in security_page_data.security_page(at).controls if one.id == clause), None
    )
    if one is None:
        raise Http404
    lasts = (
        date_time_formatting.duration_text(int(one.freshness.total_seconds()))
        if one.freshness
        else ""
    )
    response = render(
        request,
        "controls/clause.html",
        {"control": one, "history": history(clause), "at": at, "lasts": lasts},
    )
    response["Cache-Control"] = _CACHED
    return response
