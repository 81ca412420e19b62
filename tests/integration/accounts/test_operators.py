"""Access to the operators' area: who may enter, who is redirected, and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from tests.cast import PASSWORD, Cast
from tests.operators import (
    anonymous_client,
    create_operator,
    enroll_app,
    grant_operator,
    operator_client,
    revoke_operator,
    signed_in_client,
)

from theseller.accounts.authorization import operator_required
from theseller.accounts.mfa import operations
from theseller.accounts.mfa.queries import own_factors
from theseller.accounts.mfa.session_proofs import IDLE_MAX, PROOF_VALID_FOR, STEP_UP_WITHIN
from theseller.accounts.models import User
from theseller.accounts.types import Operator
from theseller.lib import clock

SECOND = timedelta(seconds=1)


def test_operator_with_a_second_factor_proof_opens_the_operator_area() -> None:
    answer = operator_client(create_operator()).get("/operate/")
    assert answer.status_code == 200
    assert "second-factor-key" in answer.content.decode()


def test_operator_area_is_404_for_users_who_are_not_operators(cast: Cast) -> None:
    """An owner of a shop gets the page of an address that does not exist, with or without a second factor."""
    enroll_app(cast.alice.id, clock.now() - timedelta(hours=1))
    client = anonymous_client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    answer, nothing = client.get("/operate/"), client.get("/no/such/page/")
    assert answer.status_code == nothing.status_code == 404


def test_without_a_second_factor_an_operator_is_sent_to_set_one_up() -> None:
    answer = signed_in_client(create_operator(with_app=False)).get("/operate/")
    assert answer["Location"].startswith("/account/security/?next=%2Foperate%2F")


def test_operator_area_redirects_to_second_factor_after_password_only() -> None:
    answer = signed_in_client(create_operator()).get("/operate/")
    assert answer["Location"].startswith("/account/second-factor/?next=%2Foperate%2F")


@pytest.mark.parametrize(
    ("given", "seen", "let_in"),
    [
        (PROOF_VALID_FOR - timedelta(minutes=1), timedelta(0), True),
        (PROOF_VALID_FOR + SECOND, timedelta(0), False),
        (timedelta(hours=1), IDLE_MAX - timedelta(minutes=1), True),
        (timedelta(hours=1), IDLE_MAX + SECOND, False),
        (
            timedelta(minutes=-10),
            timedelta(0),
            False,
        ),  # a proof from the future: a wrong clock or a forgery
    ],
)
def test_second_factor_proof_expires_after_12_hours_or_30_idle_minutes(
    given: timedelta, seen: timedelta, *, let_in: bool
) -> None:
    now = clock.now()
    answer = operator_client(
        create_operator(at=now - timedelta(days=1)), at=now - given, seen=now - seen
    ).get("/operate/")
    assert (answer.status_code == 200) is let_in


def test_a_revoked_operator_loses_access_at_once() -> None:
    operator, other = create_operator(), create_operator(name="Oskar")
    client = operator_client(operator)
    revoke_operator(operator.id)
    assert client.get("/operate/").status_code == 404
    grant_operator(operator.id, clock.now())
    assert client.get("/operate/").status_code == 200
    assert operator_client(other).get("/operate/").status_code == 200


def test_sessions_of_a_replaced_second_factor_are_ended() -> None:
    """A session that the lost phone had opened ends."""
    operator = create_operator()
    client = operator_client(operator)
    enroll_app(operator.id, clock.now())
    assert client.get("/operate/")["Location"].startswith("/sign-in/")


def test_a_proof_of_another_person_is_refused() -> None:
    operator, oskar = create_operator(), create_operator(name="Oskar")
    client = operator_client(oskar)
    session = client.session
    session["_auth_user_id"] = str(operator.id)
    session["_auth_user_hash"] = User.objects.get(pk=operator.id).get_session_auth_hash()
    session.save()
    assert client.get("/operate/").status_code == 302


def _dangerous(request: HttpRequest, operator: Operator) -> HttpResponse:
    del request
    return HttpResponse(operator.actor)


@pytest.mark.parametrize(
    ("given", "done"), [(timedelta(minutes=4), True), (STEP_UP_WITHIN + SECOND, False)]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_dangerous_operation_requires_a_proof_of_the_last_five_minutes(
    given: timedelta, method: str, *, done: bool
) -> None:
    operator = create_operator()
    client = operator_client(operator, at=clock.now() - given)
    request = getattr(RequestFactory(), method)(
        "/operate/danger/", headers={"referer": "http://testserver/operate/page/"}
    )
    request.session, request.user = client.session, User.objects.get(pk=operator.id)
    answer = operator_required(step_up=True)(_dangerous)(request)
    assert isinstance(answer, HttpResponse)
    if done:
        assert answer.content.decode() == f"operator:{operator.id}"
    else:
        back = "%2Foperate%2Fdanger%2F" if method == "get" else "%2Foperate%2Fpage%2F"
        assert answer["Location"] == f"/account/second-factor/?next={back}&why=stale"


def test_operator_sign_in_needs_password_and_code_and_redirects_to_next() -> None:
    operator, client = create_operator(), anonymous_client()
    answer = client.post(
        "/sign-in/?next=/operate/",
        {"email": operator.email, "password": PASSWORD, "next": "/operate/"},
    )
    assert answer["Location"] == "/sign-in/?next=/operate/"
    assert client.get("/operate/")["Location"].startswith("/sign-in/")
    half = client.cookies["theseller_session"].value
    answer = client.post("/sign-in/?next=/operate/", {"code": operator.code(), "next": "/operate/"})
    assert answer["Location"] == "/operate/"
    assert client.cookies["theseller_session"].value != half
    assert client.get("/operate/").status_code == 200


def test_operator_cannot_remove_their_last_second_factor() -> None:
    operator = create_operator()
    (factor,) = own_factors(operator.id)
    answer = operator_client(operator).post(
        f"/account/security/factors/{factor.id}/removal/", follow=True
    )
    assert "Operators must have at least one second factor" in answer.content.decode()
    assert own_factors(operator.id) == (factor,)
    assert (
        operations.remove_all_factors(person=operator.id, actor="operator:test", at=clock.now())
        == 1
    )
