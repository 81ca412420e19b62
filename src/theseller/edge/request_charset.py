"""WSGI wrapper that makes Django read every request as UTF-8."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_CHARSET = re.compile(r"""\s*;\s*charset\s*=\s*("[^"]*"|[^;\s]*)""", re.IGNORECASE)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def read_as_utf8(application: Application) -> Application:
    """Wrap `application` so that each request is read as UTF-8.

    Django decodes address and form by the character set that the request names, and some names that
    Python knows, such as `hex`, are no character sets: an error before any middleware.
    """

    # PEP 3333
    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        if environ.get("CONTENT_TYPE"):
            environ["CONTENT_TYPE"] = _CHARSET.sub("", environ["CONTENT_TYPE"])
        return application(environ, start_response)

    return answer
