"""A person changes their password after a fresh proof, with clear errors.

All their other sessions end.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import Client, override_settings
from tests.cast import PASSWORD, Cast, create_cast
from tests.operators import anonymous_client, create_operator, operator_client

from theseller.accounts.mfa.recent_proof import note_password
from theseller.accounts.models import User
from theseller.config import settings as product
from theseller.lib import clock

NEW = "copper lantern seventeen otters"


@pytest.fixture
def cast(database: str) -> Iterator[Cast]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield create_cast()


def _fresh(person: UUID) -> Client:
    client = anonymous_client()
    client.force_login(User.objects.get(pk=person))
    session = client.session
    note_password(type("Request", (), {"session": session})(), clock.now())
    session.save()
    return client


def test_a_new_password_signs_out_every_other_browser(cast: Cast) -> None:
    client, other = _fresh(cast.bob.id), anonymous_client()
    other.force_login(User.objects.get(pk=cast.bob.id))
    assert other.get("/account/security/").status_code == 200
    key = client.session.session_key
    answer = client.post(
        "/account/security/password/", {"current": PASSWORD, "new": NEW, "again": NEW}
    )
    assert answer["Location"] == "/account/security/"
    assert "Your password was changed" in client.get("/account/security/").content.decode()
    assert client.session.session_key != key
    assert other.get("/account/security/").status_code == 302
    assert (
        anonymous_client()
        .post("/sign-in/", {"email": cast.bob.email, "password": PASSWORD})
        .status_code
        == 422
    )
    assert (
        anonymous_client().post("/sign-in/", {"email": cast.bob.email, "password": NEW}).status_code
        == 302
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"current": ""}, "Enter your current password."),
        (
            {"current": "wrong", "new": NEW, "again": NEW},
            "This is not your password. Nothing was changed.",
        ),
        (
            {"current": PASSWORD, "new": "short", "again": "short"},
            "This has 5 characters; it needs 15 or more.",
        ),
        (
            {"current": PASSWORD, "new": "a1a1a1a1a1a1a1a1a1a1", "again": "a1a1a1a1a1a1a1a1a1a1"},
            "This repeats a few characters.",
        ),
        (
            {"current": PASSWORD, "new": "password123456789", "again": "password123456789"},
            "mostly a common word",
        ),
        ({"current": PASSWORD, "new": NEW, "again": NEW + "x"}, "The two are not the same."),
        (
            {"current": PASSWORD, "new": PASSWORD, "again": PASSWORD},
            "This is your current password.",
        ),
        ({"current": PASSWORD, "new": "x" * 1001, "again": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_weak_password_is_refused_with_advice(
    cast: Cast, given: dict[str, str], says: str
) -> None:
    bob = User.objects.get(pk=cast.bob.id)
    answer = _fresh(bob.pk).post("/account/security/password/", given)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert User.objects.get(pk=bob.pk).check_password(PASSWORD)


def test_a_user_with_a_second_factor_must_prove_it_first(database: str) -> None:
    operator = create_operator()
    client = _fresh(operator.id)  # the password alone is no proof of hers
    assert client.get("/account/security/password/").status_code == 302
    client = operator_client(operator)
    assert client.get("/account/security/password/").status_code == 200
    assert (
        client.post(
            "/account/security/password/", {"current": PASSWORD, "new": NEW, "again": NEW}
        ).status_code
        == 302
    )
    assert User.objects.get(pk=operator.id).check_password(NEW)
    assert client.get("/operate/").status_code == 200


def test_stored_password_uses_the_configured_argon2_parameters(database: str) -> None:
    """The tests' own hasher is cheaper (tests/passwords.py); these are Django's figures."""
    with override_settings(PASSWORD_HASHERS=product.PASSWORD_HASHERS):
        person = create_cast().alice
    assert User.objects.get(pk=person.id).password.startswith(
        "argon2$argon2id$v=19$m=102400,t=2,p=8$"
    )
