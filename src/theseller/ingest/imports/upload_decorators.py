"""Limit an upload's size and number of files; each refusal is a page.

The size is checked before the body is read, the number of files while it is parsed. Report files
contain buyers' data until the decoder has dropped it, so a body stays in memory
(`FILE_UPLOAD_HANDLERS`), within a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

View = Callable[..., HttpResponseBase]
Refuse = Callable[[HttpRequest, int, str, str], HttpResponseBase]

#: A browser shows an answer only after it could send its whole body. What is beyond this many
#: bodies of the largest size is cut off.
_DRAINED = 4
_PIECE = 1 << 18


def drain_body(view: View) -> View:
    """Read what a refusal left unread of the body.

    The browser then shows the refusal and not a broken connection. The rest is read piece by piece
    and discarded, up to a limit.
    """

    @wraps(view)
    # the parameters of any URL
    def guarded(
        request: HttpRequest,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if request.method == "POST" and not _was_read(request):
            left = _DRAINED * settings.UPLOAD_BYTES_MAX
            while left > 0 and (piece := _read(request)):
                left -= len(piece)
        return response

    return guarded


def _was_read(request: HttpRequest) -> bool:
    return hasattr(request, "_post") or hasattr(request, "_body")


def _read(request: HttpRequest) -> bytes:
    try:
        return bytes(request.read(_PIECE))
    except OSError:  # The sender has closed the connection.
        return b""


def limit_upload(refuse: Refuse) -> Callable[[View], View]:
    """Refuse a body that is too large or has too many files.

    `refuse(request, status, title, text)` makes the page.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(
            request: HttpRequest,
            *args: Any,  # noqa: ANN401
            **kwargs: Any,  # noqa: ANN401
        ) -> HttpResponseBase:
            if request.method != "POST":
                return view(request, *args, **kwargs)
            if content_length(request) > settings.UPLOAD_BYTES_MAX:
                # Django's own handler would drop the files without a word and leave an empty form.
                text = _(
                    "At most %(limit_mb)d MB can be sent at once. Upload the files one by one,"
                    " compressed (.gz), or request a report for a shorter period in Seller Central."
                ) % {"limit_mb": settings.UPLOAD_BYTES_MAX >> 20}
                return refuse(request, 413, _("Upload too large"), text)
            try:
                request.POST  # noqa: B018 - parses the body
            except TooManyFilesSent:
                text = _("Choose at most %(most)s files at a time.") % {
                    "most": settings.DATA_UPLOAD_MAX_NUMBER_FILES
                }
                return refuse(request, 413, _("Too many files"), text)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def content_length(request: HttpRequest) -> int:
    """Return the Content-Length header; 0 without a valid one."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
