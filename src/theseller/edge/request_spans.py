"""Time each request as a span, named by method and URL pattern."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from theseller.edge.proxies_and_health_checks import HEALTH_CHECKS
from theseller.edge.request_ids_and_headers import request_id_of
from theseller.edge.request_metrics import known_method, url_pattern
from theseller.lib.trace_spans import Attribute, SpanKind, span

_SERVER_ERROR = 500


class RequestSpanMiddleware:
    """Make a span of each request but health checks.

    The body of a streamed response is not in it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request within a span."""
        if request.path_info in HEALTH_CHECKS:
            return self._get_response(request)
        with span("request", SpanKind.SERVER) as found:
            response = self._get_response(request)
            method, pattern = known_method(request), url_pattern(request)
            found.rename(f"{method} {pattern}")
            found.set(Attribute.METHOD, method)
            found.set(Attribute.ROUTE, pattern)
            found.set(Attribute.STATUS, response.status_code)
            found.set(Attribute.REQUEST_ID, request_id_of(request))
            if response.status_code >= _SERVER_ERROR:
                found.set(Attribute.ERROR, str(response.status_code))
        return response
