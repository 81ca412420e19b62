"""Trust forwarded headers from trusted proxies only; answer health checks."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from theseller.edge.client_address import client_address

GetResponse = Callable[[HttpRequest], HttpResponse]

_PROTO = "HTTP_X_FORWARDED_PROTO"
#: Forwarding headers that a client could forge. Removed, so that no library reads them by mistake.
_FORWARDED = (
    "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
    _PROTO, "HTTP_X_FORWARDED_SSL", "HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_REAL_IP", "HTTP_X_SCRIPT_NAME",
)  # fmt: skip
#: Views of the health checks, by address.
HEALTH_CHECKS = {
    "/healthz": "theseller.edge.views.healthz",
    "/readyz": "theseller.config.readiness.readyz",
}


class TrustedProxyMiddleware:
    """Set scheme and client address from the trusted proxies' headers.

    The headers are then removed. The scheme is https only if the peer is a trusted proxy that
    reports it (`X-Forwarded-Proto`, the last of several values, which is the nearest proxy's), or
    if the server itself terminated TLS.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Accept the forwarded address and scheme of trusted proxies only."""
        meta = request.META
        if str(meta.get("REMOTE_ADDR") or "") in settings.THESELLER_TRUSTED_PROXIES:
            address = client_address(request)
            proto = str(meta.get(_PROTO, "")).rpartition(",")[2].strip().lower()
            if proto in {"http", "https"}:
                meta["wsgi.url_scheme"] = proto
            meta["REMOTE_ADDR"] = address
        for name in _FORWARDED:
            meta.pop(name, None)
        return self.get_response(request)


class HealthCheckMiddleware:
    """Answer `/healthz` and `/readyz` for any host name, without a redirect.

    Load balancers request them by address and without TLS.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a health check, or pass the request on."""
        probe = HEALTH_CHECKS.get(request.path_info)
        if probe is None or request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        answer: HttpResponse = import_string(probe)(request)
        return answer
