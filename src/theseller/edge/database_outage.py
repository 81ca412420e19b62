"""Answer 503 with `Retry-After` while the database is unavailable.

Requests fail fast instead of each waiting for a connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy
from psycopg_pool import PoolTimeout

from theseller.edge.error_pages import ErrorText, error_page, register_server_error_handler
from theseller.lib.database_failures import classify
from theseller.postgres.answering_connection import NoAnswerError

_log = structlog.get_logger(__name__)

#: SQLSTATEs of a server that stops, starts or is full; class 08 is a lost or refused connection.
_UNAVAILABLE = {"57P01", "57P02", "57P03", "53100", "53300"}
#: Seconds during which requests fail fast after one waited in vain, and the Retry-After value.
_RETRY_SECONDS = 2.0
_RETRY_AFTER = 5

_TEXT = ErrorText(
    gettext_lazy("The service is temporarily unavailable"),
    gettext_lazy("Our database is unavailable. What you sent was not stored."),
    gettext_lazy("Wait a moment, then try again."),
)
#: The connection was lost while a request was worked on, perhaps after its commit.
_UNKNOWN_TEXT = ErrorText(
    gettext_lazy("The service is temporarily unavailable"),
    gettext_lazy(
        "The connection to our database was lost. It is not known whether what you sent was stored."
    ),
    gettext_lazy("Wait a moment, look whether it was, then try again."),
)


class _CircuitBreaker:
    """Let one request in two seconds try while the database is unavailable.

    All requests try again after one succeeded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def may_try(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if not self._until:
                return True
            if now < self._until:
                return False
            self._until = (
                now + _RETRY_SECONDS
            )  # this request tries; the others fail fast until then
            return True

    def failed(self) -> None:
        with self._lock:
            self._until = time.monotonic() + _RETRY_SECONDS

    def worked(self) -> None:
        self._until = 0.0


_BREAKER = _CircuitBreaker()


class OutageMiddleware:
    """Refuse requests while no database connection is available."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 503 at once while the database is known not to answer."""
        if not _BREAKER.may_try():
            return unavailable(request)
        response = self._get_response(request)
        if response.status_code < 500:
            _BREAKER.worked()
        return response


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether `error` means that the database is unavailable.

    A failed statement does not.
    """
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith("08") or state in _UNAVAILABLE


def unavailable(request: HttpRequest, text: ErrorText = _TEXT) -> HttpResponse:
    """Answer 503 with ``Retry-After``."""
    response = error_page(request, 503, text)
    response.headers["Retry-After"] = str(_RETRY_AFTER)
    return response


def _outage_page(request: HttpRequest, error: BaseException) -> HttpResponse | None:
    if not is_unavailable(error):
        return None
    if isinstance(error.__cause__, (PoolTimeout, NoAnswerError)):
        _BREAKER.failed()
    failure = classify(error)
    reason = failure.reason if failure else ""
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    _log.error("database_unavailable", sqlstate=sqlstate, reason=reason)
    # A server that says why it ends a transaction did not commit it.
    is_known = sqlstate or isinstance(error.__cause__, PoolTimeout)
    changes = request.method not in {"GET", "HEAD"}
    return unavailable(request, _UNKNOWN_TEXT if changes and not is_known else _TEXT)


register_server_error_handler(_outage_page)
