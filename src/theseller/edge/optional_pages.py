"""Pages of features that an operator may turn on: 404 where they are off."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

P = ParamSpec("P")
_View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page_exists_if(is_on: Callable[[], bool]) -> Callable[[_View[P]], _View[P]]:
    """Decorate a view: its page answers 404 while its feature is off.

    Args:
        is_on: returns whether the feature is on; called for each request.
    """

    def decorate(view: _View[P]) -> _View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not is_on():
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    return decorate
