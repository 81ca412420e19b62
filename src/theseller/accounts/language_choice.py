"""Show pages in the language that a person chose for their account."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from theseller.accounts.sessions import current_user

#: The choice of a person who wants the language that their browser asks for.
OF_THE_BROWSER = ""


class AccountLanguageMiddleware:
    """Activate the language that the signed-in person chose, if any."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the chosen language; without a choice, in that of the browser."""
        # Without the cookie there is no session to read, and the answer does not vary with one.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            activate_choice(current_user(request).language)
        return self.get_response(request)


def activate_choice(language: str) -> None:
    """Activate a stored choice, if this version offers the language."""
    if language in dict(settings.LANGUAGES):
        translation.activate(language)
