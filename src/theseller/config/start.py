"""The start page: the dashboard for who is signed in, and for others what this is and where to sign in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from theseller.analytics.views import dashboard
from theseller.config.environment import Kind
from theseller.config.seed import DEMO_SIGN_INS
from theseller.crypto.errors import SecretNotFoundError
from theseller.edge.compression import compressed

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@login_not_required
@require_safe
def start(request: HttpRequest) -> HttpResponseBase:
    """Answer the start page."""
    return dashboard(request) if request.user.is_authenticated else _welcome(request)


start.theseller_permission = dashboard.theseller_permission  # type: ignore[attr-defined]  # read by the completeness test of all URLs


@compressed()
def _welcome(request: HttpRequest) -> HttpResponseBase:
    return render(request, "edge/start.html", {"demo": _demo(request)})


def _demo(request: HttpRequest) -> dict[str, Any] | None:
    """Return how to sign in to a demo, or None where this is none, or where it can be reached from elsewhere than this machine."""
    environment = settings.ENVIRONMENT
    if environment.kind is not Kind.DEMO or urlsplit(environment.public_url).hostname not in _LOOPBACK:
        return None
    if request.META.get("REMOTE_ADDR") not in _LOOPBACK:
        return None
    try:
        password = settings.SECRETS.get("demo-cast-password").reveal()
    except SecretNotFoundError:
        return None
    return {"people": DEMO_SIGN_INS, "password": password}
