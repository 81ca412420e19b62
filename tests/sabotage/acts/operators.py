"""Section 3: who comes into the operator's area."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from tests.sabotage.saboteurs import Tools, breaks

from theseller.accounts import authorization, operator_session_authorization
from theseller.accounts.mfa import session_proofs
from theseller.accounts.operator_session_authorization import OperatorAuthState
from theseller.accounts.queries import is_operator

_CONTROL = "cred-operator-mfa"


def _overview() -> URLPattern:
    area = next(
        one
        for one in get_resolver().url_patterns
        if isinstance(one, URLResolver) and str(one.pattern) == "operate/"
    )
    return next(
        one for one in area.url_patterns if isinstance(one, URLPattern) and one.name == "overview"
    )


@breaks(_CONTROL, "puts a page into the operator's area without the guard")
def _no_guard(tools: Tools) -> Iterator[None]:
    def page(request: HttpRequest) -> HttpResponse:
        del request
        return HttpResponse("everything")

    tools.patch.setattr(_overview(), "callback", page)
    yield
    tools.patch.undo()


@breaks(_CONTROL, "marks a page of the area as guarded that is not")
def _false_mark(tools: Tools) -> Iterator[None]:
    def page(request: HttpRequest) -> HttpResponse:
        del request
        return HttpResponse("everything")

    page.theseller_operator_required = "session"  # type: ignore[attr-defined]
    tools.patch.setattr(_overview(), "callback", page)
    yield
    tools.patch.undo()


@breaks(_CONTROL, "opens a page of the area to people who are not signed in")
def _public(tools: Tools) -> Iterator[None]:
    def page(request: HttpRequest) -> HttpResponse:
        answer = guarded(request)
        assert isinstance(answer, HttpResponse)
        return answer

    guarded = _overview().callback
    page.theseller_operator_required = "session"  # type: ignore[attr-defined]
    tools.patch.setattr(_overview(), "callback", login_not_required(page))
    yield
    tools.patch.undo()


@breaks(_CONTROL, "lets operators in by their password alone")
def _password_only(tools: Tools) -> Iterator[None]:
    def careless(person: UUID, *_: object, using: str, **__: object) -> OperatorAuthState:
        return (
            OperatorAuthState.AUTHENTICATED
            if is_operator(person, using=using)
            else OperatorAuthState.NOT_OPERATOR
        )

    tools.patch.setattr(authorization, "operator_auth_state", careless)
    yield
    tools.patch.undo()


@breaks(_CONTROL, "lets everybody with a second factor in, operator or not")
def _anybody(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(operator_session_authorization, "is_operator", lambda *_, **__: True)
    tools.patch.setattr(operator_session_authorization, "has_factor", lambda *_, **__: True)
    tools.patch.setattr(session_proofs, "factor_exists", lambda *_, **__: True)
    yield
    tools.patch.undo()


@breaks(_CONTROL, "lets a proof last for a month")
def _long(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(operator_session_authorization, "PROOF_VALID_FOR", timedelta(days=30))
    yield
    tools.patch.undo()


@breaks(_CONTROL, "leaves a session open after an operator has left")
def _never_idle(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(operator_session_authorization, "IDLE_MAX", timedelta(hours=8))
    yield
    tools.patch.undo()


@breaks(_CONTROL, "accepts a second factor that was removed")
def _removed(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(session_proofs, "factor_exists", lambda *_, **__: True)
    yield
    tools.patch.undo()


@breaks(_CONTROL, "leaves an operator without a second factor for more than a week")
def _none(tools: Tools) -> Iterator[None]:
    person = [tools.deployment.operator.id]
    (since,) = tools.superuser.execute(
        "select since from accounts_operator where user_id = %s", person
    ).fetchone() or (None,)
    tools.superuser.execute(
        "update accounts_operator set since = since - interval '8 days' where user_id = %s", person
    )
    tools.superuser.execute(
        "update accounts_authenticator set confirmed_at = null where user_id = %s", person
    )
    yield
    tools.superuser.execute(
        "update accounts_authenticator set confirmed_at = added_at where user_id = %s", person
    )
    tools.superuser.execute(
        "update accounts_operator set since = %s where user_id = %s", [since, *person]
    )
