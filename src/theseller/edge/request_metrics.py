"""Count requests by URL pattern, and pooled connections.

No label names a tenant, a person or an address: a pattern is the text of the URL table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Gauge, Histogram

from theseller.edge.proxies_and_health_checks import HEALTH_CHECKS

REQUESTS = Counter(
    "theseller_http_requests",
    "Answered requests by URL pattern, method and status.",
    ["pattern", "method", "status"],
)
SECONDS = Histogram(
    "theseller_http_request_seconds",
    "Time that requests took, by URL pattern.",
    ["pattern"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
POOL = Gauge(
    "theseller_database_pool_connections",
    "Connections of the web processes by database role: open, idle and the maximum.",
    ["database_role", "use"],
    multiprocess_mode="livesum",
)
POOL_WAITING = Gauge(
    "theseller_database_pool_waiting_requests",
    "Requests that wait for a connection, by database role.",
    ["database_role"],
    multiprocess_mode="livesum",
)
_METHODS = frozenset({"GET", "HEAD", "POST"})


class RequestMetricsMiddleware:
    """Count every answer, with the time that it took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, then count it."""
        begun = time.perf_counter()
        response = self._get_response(request)
        pattern, method = url_pattern(request), known_method(request)
        REQUESTS.labels(pattern, method, str(response.status_code)).inc()
        SECONDS.labels(pattern).observe(time.perf_counter() - begun)
        _count_pools()
        return response


def known_method(request: HttpRequest) -> str:
    """Return the method of a request, `other` for those that no page has."""
    return request.method if request.method in _METHODS else "other"


def url_pattern(request: HttpRequest) -> str:
    """Return the URL pattern of a request: its text in the URL table."""
    if request.path_info in HEALTH_CHECKS:
        return request.path_info.strip("/")
    if request.resolver_match is not None:
        return request.resolver_match.route or "(start)"
    if settings.STATIC_URL and request.path_info.startswith(settings.STATIC_URL):
        return "static"
    return "unmatched"


def _count_pools() -> None:
    for alias in connections:
        database = connections[alias]
        if "pool" not in database.settings_dict["OPTIONS"]:
            continue
        role = database.settings_dict["USER"].removeprefix("theseller_")
        found = cast("DatabaseWrapper", database).pool.get_stats()
        for use, name in (("open", "pool_size"), ("idle", "pool_available"), ("max", "pool_max")):
            POOL.labels(role, use).set(found.get(name, 0))
        POOL_WAITING.labels(role).set(found.get("requests_waiting", 0))
