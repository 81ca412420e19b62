"""The deployment's own Amazon application, as this process knows it: one LWA client."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from theseller.amazon.lwa import LWAClient
from theseller.amazon.transport import new_http


@cache
def amazon_http():  # type: ignore[no-untyped-def]  # noqa: ANN201  # only theseller.amazon may name httpx's types
    """Return this process's HTTP client for calls to Amazon that belong to no stream."""
    return new_http()


@cache
def lwa_client() -> LWAClient:
    """Return this process's LWA client. Its client secrets are asked for anew at each call, so that a rotation needs no restart."""
    return LWAClient(settings.AMAZON_ENDPOINTS, settings.ENVIRONMENT.lwa_client_id, settings.LWA_CLIENT_SECRETS, new_http())
