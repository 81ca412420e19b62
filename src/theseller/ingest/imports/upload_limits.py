"""Guards around an upload: no body is read before its sender may send it, and each refusal is a page.

Report files hold buyers' data until the decoder has dropped it, so a body stays in memory
(`FILE_UPLOAD_HANDLERS`), within a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponseBase

View = Callable[..., HttpResponseBase]
Refuse = Callable[[HttpRequest, int, str, str], HttpResponseBase]

#: A browser shows an answer only after it could send its whole body. What is beyond this many
#: bodies of the largest size is cut off.
_DRAINED = 4
_PIECE = 1 << 18


def drain_body(view: View) -> View:
    """Swallow what a refusal left unread of the body, piece by piece, so that the browser shows the refusal and not a broken connection."""

    @wraps(view)
    # whatever the URL carries
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
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
    """Refuse a body that is larger, or holds more files, than is taken at once. `refuse(request, status, title, text)` makes the page."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
            if request.method != "POST":
                return view(request, *args, **kwargs)
            if content_length(request) > settings.UPLOAD_BYTES_MAX:
                # Django's own handler would drop the files without a word and leave an empty form.
                text = (
                    f"At most {settings.UPLOAD_BYTES_MAX >> 20} MB can be sent at once. Upload the"
                    " files one by one, compressed (.gz), or request a "
                )
                return refuse(
                    request,
                    413,
                    "Upload too large",
                    f"{text}report for a shorter period in Seller Central.",
                )
            try:
                _ = request.POST
            except TooManyFilesSent:
                text = f"Choose at most {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files at a time."
                return refuse(request, 413, "Too many files", text)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
