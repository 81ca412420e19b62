"""Answer 503 while the key store or secret provider is unavailable."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.crypto.errors import KeyStoreError, SecretProviderError, ServiceState
from theseller.edge.error_pages import ErrorText, error_page

_log = structlog.get_logger(__name__)

#: When to retry states that pass by themselves; others need the operator.
_RETRY_SECONDS = {ServiceState.SLOW: 10, ServiceState.BUSY: 30}
_RETRY_SECONDS_OTHERWISE = 300
_WAIT_TEXT = gettext_noop("Wait a moment, then try again.")
_OPERATOR_TEXT = gettext_noop(
    "The error was logged. Send the operator of this service the reference below, then try again."
)

#: Explanation and advice for each state.
STATE_TEXTS: dict[ServiceState, tuple[str, str]] = {
    ServiceState.UNREACHABLE: (gettext_noop("Our key service can't be reached."), _OPERATOR_TEXT),
    ServiceState.SLOW: (gettext_noop("Our key service did not respond in time."), _WAIT_TEXT),
    ServiceState.BUSY: (gettext_noop("Our key service is overloaded at the moment."), _WAIT_TEXT),
    ServiceState.SEALED: (
        gettext_noop("Our key service is sealed and must be unsealed by the operator."),
        _OPERATOR_TEXT,
    ),
    ServiceState.DENIED: (gettext_noop("Our key service denies access."), _OPERATOR_TEXT),
    ServiceState.NOT_SET_UP: (
        gettext_noop("Our key service is not set up completely."),
        _OPERATOR_TEXT,
    ),
    ServiceState.READ_ONLY: (gettext_noop("Our key service is read-only."), _OPERATOR_TEXT),
    ServiceState.DAMAGED: (gettext_noop("A required key is damaged or missing."), _OPERATOR_TEXT),
}


class KeyServiceMiddleware:
    """Answer 503 with the service's state if a view failed because of it.

    The view's transaction has been rolled back by then.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; `process_exception` does the work."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 to errors of the key store or secret provider.

        Other exceptions return None: Django handles them.
        """
        if not isinstance(error, (KeyStoreError, SecretProviderError)):
            return None
        _log.error("key_service_unavailable", condition=error.state.value, detail=str(error))
        return unavailable(request, error.state)


def unavailable(request: HttpRequest, state: ServiceState) -> HttpResponse:
    """Render the page for one state: 503 with ``Retry-After``."""
    what_happened, next_step = STATE_TEXTS[state]
    nothing_lost = _("Nothing was changed and nothing is lost.")
    text = ErrorText(
        _("Our key service is unavailable"),
        f"{_(what_happened)} {nothing_lost}",
        _(next_step),
    )
    response = error_page(request, 503, text)
    response.headers["Retry-After"] = str(_RETRY_SECONDS.get(state, _RETRY_SECONDS_OTHERWISE))
    return response
