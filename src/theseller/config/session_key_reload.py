"""Middleware that applies rotated session keys without a restart."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


class SessionKeysMiddleware:
    """Put the valid session keys into Django's settings before each request.

    It runs before Django's session middleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._placed = (settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Place keys that were rotated, then answer the request."""
        keys = settings.SESSION_KEYS()
        if keys != self._placed:
            key, fallbacks = keys
            # Between the two assignments either key must be accepted, since another thread may be
            # signing.
            _place("SECRET_KEY_FALLBACKS", [*fallbacks, key, settings.SECRET_KEY])
            _place("SECRET_KEY", key)
            _place("SECRET_KEY_FALLBACKS", fallbacks)
            self._placed = keys
        return self._get_response(request)


def _place(name: str, value: object) -> None:
    """Assign a setting.

    Django's own way empties its cache first, and a thread that reads at that moment would cache the
    old value.
    """
    getattr(settings, name)
    setattr(settings._wrapped, name, value)  # type: ignore[misc]  # noqa: SLF001
    settings.__dict__[name] = value
