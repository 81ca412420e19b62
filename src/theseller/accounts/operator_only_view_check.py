"""Test that operator views refuse an unauthorized user, in-process.

The probe of `cred-operator-mfa` uses it. No request from outside reaches this code. It leaves no
trace: the session is in memory, and the transaction is rolled back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase

from theseller.accounts.models import User
from theseller.accounts.session_store import SessionStore

#: Pages that a person is redirected to who must prove a second factor first.
_PROOF_PAGES = ("/account/second-factor/", "/account/security/")


def refused(
    view: Callable[..., HttpResponseBase],
    names: Iterable[str],
    *,
    person: UUID,
    session: Mapping[str, Any],
    using: str,
) -> bool:
    """Return whether `view` refuses `person`.

    It refuses by "not found" or by a redirect to a page that asks for a second factor. The view is
    called by GET, and by an empty POST if it does not take GET. Any other response or error means
    that the view has been entered.

    Args:
        view: the guarded view.
        names: the variables of its URL.
        person: the user's id.
        session: the content of the user's session.
        using: the connection by which the guard reads who is an operator.
    """
    for method in ("GET", "POST"):
        request = _request(method, person, session, using)
        try:
            with transaction.atomic():
                answer = view(request, **dict.fromkeys(names, "probe"))
                transaction.set_rollback(True)
        except Http404:
            return True
        except Exception:  # noqa: BLE001
            return False
        if answer.status_code != 405:
            return answer.status_code == 302 and answer.headers.get("Location", "").startswith(
                _PROOF_PAGES
            )
    return False


def _request(method: str, person: UUID, session: Mapping[str, Any], using: str) -> HttpRequest:
    request = HttpRequest()
    request.method, request.path, request.path_info = method, "/operate/", "/operate/"
    request.user = User(id=person, name="probe")
    request.session = SessionStore()
    for key, value in session.items():
        request.session[key] = value
    # read by `authorization.operator_required`
    request.theseller_probe_database = using  # type: ignore[attr-defined]
    return request


def _is_not_from_probe(entry: logging.LogRecord) -> bool:
    return not hasattr(getattr(entry, "request", None), "theseller_probe_database")


# The probe's own "method not allowed" responses are not logged.
logging.getLogger("django.request").addFilter(_is_not_from_probe)
