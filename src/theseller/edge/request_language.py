"""Choose the language of a request from what its browser accepts."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from typing_extensions import override


class LanguageMiddleware(LocaleMiddleware):
    """Activate the language of `settings.LANGUAGES` that the browser accepts."""

    @override
    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in this language; then return the thread to the default one."""
        try:
            return cast("HttpResponseBase", super().__call__(request))
        finally:
            translation.deactivate()
