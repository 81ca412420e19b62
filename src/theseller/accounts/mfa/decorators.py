"""Decorators of views that require a recent proof of identity."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from theseller.accounts.mfa import recent_proof
from theseller.lib import clock


def step_up_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Allow a view only for a person with a proof of the last five minutes."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        return (
            view(request, *args, **kwargs)
            if recent_proof.recently_proven(request, clock.now())
            else recent_proof.redirect_to_proof(request)
        )

    # read by the completeness test of all URLs
    guarded.theseller_step_up_required = True  # type: ignore[attr-defined]
    return guarded


def step_up_required_to_change(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Require a proof of the last five minutes for changes by a view.

    Everyone who may see the page can read it.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"} or recent_proof.recently_proven(request, clock.now()):
            return view(request, *args, **kwargs)
        return recent_proof.redirect_to_proof(request)

    # read by the completeness test of all URLs
    guarded.theseller_step_up_required = True  # type: ignore[attr-defined]
    return guarded
