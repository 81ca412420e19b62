"""Accept the next address that a request names only if it is ours."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def safe_next(request: HttpRequest, usual: str) -> str:
    """Return the requested next URL if it is ours; else `usual`."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return (
        wanted
        if url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, require_https=request.is_secure()
        )
        else usual
    )
