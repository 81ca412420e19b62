"""Error pages: what happened, what to do, and the ID for the log.

They are rendered without context processors: a page about a failure must not need what failed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from theseller.edge.date_time_formatting import duration_text
from theseller.edge.request_ids_and_headers import request_id_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """Texts of an error page: title, cause, and what the reader can do next."""

    title: StrOrPromise
    what_happened: StrOrPromise
    next_step: StrOrPromise


_TEXTS = {
    400: ErrorText(
        gettext_lazy("Invalid request"),
        gettext_lazy("Something in the address or the form is invalid."),
        gettext_lazy("Go back, check what you entered, and try again."),
    ),
    403: ErrorText(
        gettext_lazy("You can't open this page"),
        gettext_lazy("Your account lacks the permission. Nothing was changed."),
        gettext_lazy("Ask the owner of your shop for access."),
    ),
    404: ErrorText(
        gettext_lazy("Page not found"),
        gettext_lazy(
            "It may have moved, or the address contains a typo. Pages of other shops are not shown"
            " either."
        ),
        gettext_lazy("Go to the dashboard."),
    ),
    429: ErrorText(
        gettext_lazy("Too many requests"),
        gettext_lazy("You made too many requests. Nothing was changed."),
        gettext_lazy("Wait a moment, then try again."),
    ),
    500: ErrorText(
        gettext_lazy("Something went wrong on our side"),
        gettext_lazy("The error was logged under the reference below."),
        gettext_lazy(
            "Try again in a minute. If the error persists, send the reference to the operator of"
            " this service."
        ),
    ),
}

_EXPIRED_FORM = ErrorText(
    gettext_lazy("This form has expired"),
    gettext_lazy(
        "The page was open too long, or cookies are blocked, so the form could not be verified."
        " Nothing was changed."
    ),
    gettext_lazy("Go back, reload the page, and send the form again."),
)

# The fallback uses no template, style sheet or static file, which could be missing.
_FALLBACK_PAGE = (
    '<!doctype html><html lang="en"><title>Error'
    " {status}</title><h1>{title}</h1><p>{what_happened}</p><p>{next_step}</p><p>Reference:"
    " {id}</p></html>"
)


def error_page(
    request: HttpRequest | None, status: int, text: ErrorText | None = None
) -> HttpResponse:
    """Render the page for `status`; its reference is the request ID."""
    error_text = text or _TEXTS[status]
    request_id = request_id_of(request)
    try:
        body: str = render_to_string(
            "edge/error.html", {"status": status, "text": error_text, "request_id": request_id}
        )
    # (the user gets a response whatever failed; the log has the cause)
    except Exception:  # noqa: BLE001
        _log.exception("error_page_failed", status=status)
        body = _FALLBACK_PAGE.format(
            status=status,
            title=error_text.title,
            what_happened=error_text.what_happened,
            next_step=error_text.next_step,
            id=request_id,
        )
    return HttpResponse(body, status=status, headers={"Cache-Control": "private, no-store"})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400. The exception's text is not shown: it may quote the request."""
    del exception
    return error_page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    del exception
    return error_page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    del exception
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or the status of the error that is being handled.

    That is 503 if the database is unavailable, 400 if the request's body ended early.
    """
    error = sys.exc_info()[1]
    if isinstance(error, UnreadablePostError):
        return error_page(request, 400)
    for handler in _SERVER_ERROR_HANDLERS:
        if error is not None and (answer := handler(request, error)) is not None:
            return answer
    return error_page(request, 500)


#: Handlers of particular errors, tried in order.
_SERVER_ERROR_HANDLERS: list[Callable[[HttpRequest, BaseException], HttpResponse | None]] = []


def register_server_error_handler(
    handler: Callable[[HttpRequest, BaseException], HttpResponse | None],
) -> None:
    """Register a function whose response replaces the 500 page.

    It returns None for errors that it does not handle.
    """
    _SERVER_ERROR_HANDLERS.append(handler)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or expired (``CSRF_FAILURE_VIEW``)."""
    _log.warning("csrf_check_failed", reason=reason)
    return error_page(request, 403, _EXPIRED_FORM)


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """Answer 429 with ``Retry-After``."""
    usual = _TEXTS[429]
    response = error_page(
        request,
        429,
        ErrorText(
            usual.title,
            usual.what_happened,
            _("Wait %(time)s, then try again.") % {"time": duration_text(seconds)},
        ),
    )
    response.headers["Retry-After"] = str(seconds)
    return response
