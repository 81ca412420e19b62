"""The process's shared HTTP client and its LWA client."""

from __future__ import annotations

import threading
from functools import cache

from django.conf import settings

from theseller.amazon.lwa import LWAClient
from theseller.amazon.transport import HTTPClient, new_http

#: `cache` alone would create one client per thread that calls first, and leave connections open.
_CREATION_LOCK = threading.Lock()


@cache
def _http() -> HTTPClient:
    return new_http()


def amazon_http() -> HTTPClient:
    """Return this process's HTTP client for calls to Amazon."""
    with _CREATION_LOCK:
        return _http()


def close_amazon_http() -> None:
    """Close this process's HTTP client; the next call creates another."""
    with _CREATION_LOCK:
        if _http.cache_info().currsize:
            _http().close()
        _http.cache_clear()


@cache
def lwa_client() -> LWAClient:
    """Return this process's LWA client.

    It reads the client secrets again at each call, so that a rotation needs no restart.
    """
    return LWAClient(
        settings.AMAZON_ENDPOINTS,
        settings.ENVIRONMENT.lwa_client_id,
        settings.LWA_CLIENT_SECRETS,
        amazon_http(),
    )
