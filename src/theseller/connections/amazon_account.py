"""The deployment's own Amazon application, as this process knows it: one LWA client."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from theseller.amazon.lwa import LWAClient
from theseller.amazon.transport import new_http


@cache
def lwa_client() -> LWAClient:
    """Return this process's LWA client. Its client secrets are asked for anew at each call, so that a rotation needs no restart."""
    return LWAClient(settings.AMAZON_ENDPOINTS, settings.ENVIRONMENT.lwa_client_id, settings.LWA_CLIENT_SECRETS, new_http())
