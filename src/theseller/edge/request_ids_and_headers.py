"""Give each request an ID and each response its security headers.

Static files get no ID and fewer headers.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from theseller.lib.ids import new_id

GetResponse = Callable[[HttpRequest], HttpResponse]

_DENIED_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture",
    "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid", "idle-detection",
    "local-fonts", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
    "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip

PERMISSIONS_POLICY = ", ".join(
    (
        *(f"{feature}=()" for feature in _DENIED_FEATURES),
        # Passkeys are created and used on our own pages.
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    )
)

#: Headers of every response.
_HEADERS = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
#: Headers of documents only: they would add a kilobyte to each style sheet, script and image.
_DOCUMENT_HEADERS = {
    # Not `no-referrer`: with it a browser sends `Origin: null` on our own forms, and the forgery
    # check would refuse them.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
}


def request_id_of(request: HttpRequest | None) -> str:
    """Return the ID of `request`, or an empty string if it has none."""
    return str(getattr(request, "request_id", ""))


class RequestIdMiddleware:
    """Give each request an ID and bind it to the log.

    An ID from the caller is not used: it could bring any text into the log.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind a new ID to the log of the request, and return it in a header.

        Static files have no such header.
        """
        request_id = str(new_id())
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        if not (
            settings.STATIC_URL
            and request.path.startswith(settings.STATIC_URL)
            and response.status_code == 200
        ):
            response.headers["X-Request-Id"] = request_id
        return response


class SecurityHeadersMiddleware:
    """Add the headers that don't depend on the page.

    A view may set its own first, except that pages of a session are never cached.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with the security headers set."""
        response = self.get_response(request)
        static = (
            bool(settings.STATIC_URL)
            and request.path.startswith(settings.STATIC_URL)
            and response.status_code == 200
        )
        for name, value in (_HEADERS if static else _HEADERS | _DOCUMENT_HEADERS).items():
            response.headers.setdefault(name, value)
        _forbid_caching(request, response)
        return response


def _forbid_caching(request: HttpRequest, response: HttpResponse) -> None:
    if settings.STATIC_URL and request.path.startswith(settings.STATIC_URL):
        return  # Style sheets and scripts are the same for everyone.
    # Reading `request.user` here would query the database for every page; the cookie tells enough.
    personal = settings.SESSION_COOKIE_NAME in request.COOKIES or bool(response.cookies)
    stated = response.headers.get("Cache-Control", "")
    if not stated or (personal and "no-store" not in stated):
        response.headers["Cache-Control"] = "private, no-store"
