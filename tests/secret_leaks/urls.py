"""The product's addresses, and one that fails as requested.

In the product's own process and behind its own middleware.
"""

from __future__ import annotations

import time

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from tests.secret_leaks.failures import FAILURES

from theseller.config.urls import handler400, handler403, handler404, handler500
from theseller.config.urls import urlpatterns as product_patterns
from theseller.lib.secret_type import Secret

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


@csrf_exempt
@login_not_required
def fail(request: HttpRequest, how: str) -> HttpResponse:
    """Fail in one of the ways with what was posted.

    The field's name must not help: the redactor knows ``password``, not ``remark``.
    """
    FAILURES[how](request.POST["remark"])
    return HttpResponse("survived")


@csrf_exempt
@login_not_required
def hold(request: HttpRequest) -> HttpResponse:
    """Hold a secret in memory while this process is killed."""
    secret = Secret(request.POST["remark"])
    time.sleep(3)
    return HttpResponse(str(secret))


@csrf_exempt
@login_not_required
def echo(request: HttpRequest) -> HttpResponse:
    """Tell what was posted: the answer in which a planted secret must be found."""
    return HttpResponse(request.POST["remark"])


urlpatterns = [
    path("tests/echo/", echo),
    path("tests/fail/<str:how>/", fail),
    path("tests/hold/", hold),
    *product_patterns,
]
