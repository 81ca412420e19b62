"""Answer 503 while the key store or secret provider is unavailable."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from theseller.crypto.errors import KeyStoreError, SecretProviderError, ServiceState
from theseller.edge.errors import ErrorText, error_page

_log = structlog.get_logger(__name__)

#: How soon it is worth trying again where the state passes by itself; others wait for a person.
_RETRY_SECONDS = {ServiceState.SLOW: 10, ServiceState.BUSY: 30}
_RETRY_SECONDS_OTHERWISE = 300
_WAIT_TEXT = "Wait a moment, then try again."
_OPERATOR_TEXT = "The service's log records this. Send its operator the reference below, then try again."

#: What each state means to a person, in words that name no machine.
STATE_TEXTS: dict[ServiceState, tuple[str, str]] = {
    ServiceState.UNREACHABLE: ("The service that keeps our keys can't be reached.", _OPERATOR_TEXT),
    ServiceState.SLOW: ("The service that keeps our keys did not answer in time.", _WAIT_TEXT),
    ServiceState.BUSY: ("The service that keeps our keys has too much to do at the moment.", _WAIT_TEXT),
    ServiceState.SEALED: ("The service that keeps our keys is locked and must be opened by hand.", _OPERATOR_TEXT),
    ServiceState.DENIED: ("The service that keeps our keys refuses us.", _OPERATOR_TEXT),
    ServiceState.NOT_SET_UP: ("The service that keeps our keys is not set up completely.", _OPERATOR_TEXT),
    ServiceState.READ_ONLY: ("The service that keeps our keys can't be written to.", _OPERATOR_TEXT),
    ServiceState.DAMAGED: ("A key that this needs is damaged, or lies in another place.", _OPERATOR_TEXT),
}


class KeyServiceMiddleware:
    """Answer 503 with the service's state if a view failed because of it.

    The view's transaction has been rolled back by then.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, (KeyStoreError, SecretProviderError)):
            return None
        _log.error("key_service_unavailable", condition=error.state.value, told=str(error))
        return unavailable(request, error.state)


def unavailable(request: HttpRequest, state: ServiceState) -> HttpResponse:
    """Render the page for one state: 503 with ``Retry-After``."""
    what_happened, next_step = STATE_TEXTS[state]
    text = ErrorText("Our keys are out of reach", f"{what_happened} Nothing was changed and nothing is lost.", next_step)
    response = error_page(request, 503, text)
    response.headers["Retry-After"] = str(_RETRY_SECONDS.get(state, _RETRY_SECONDS_OTHERWISE))
    return response
