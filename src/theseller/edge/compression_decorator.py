"""Compress only the pages that a decorator names (decision 0018)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

View = Callable[..., HttpResponseBase]


def compressed(*, unless: Collection[str] = ()) -> Callable[[View], View]:
    """Compress a view's response with gzip, unless a parameter is set.

    Use it only for a view whose page holds no credential, and name in `unless` every parameter
    whose text the page repeats: the length of a compressed page that holds both a secret and an
    attacker's text reveals the secret (BREACH). Django masks CSRF tokens again in each response and
    adds up to 100 random bytes.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(
            request: HttpRequest,
            # whatever the URL carries
            *args: Any,  # noqa: ANN401
            **kwargs: Any,  # noqa: ANN401
        ) -> HttpResponseBase:
            response = view(request, *args, **kwargs)
            if response.status_code != 200 or any(request.GET.get(name) for name in unless):
                return response
            return GZipMiddleware(lambda _: response).process_response(request, response)

        return answered

    return decorate
