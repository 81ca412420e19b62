"""Signing in, staying in, and what the database knows of it."""

from __future__ import annotations

import psycopg
import pytest
from django.core import signing
from django.db import connections
from django.test import Client
from tests.cast import PASSWORD, Cast, Person
from tests.database import test_server

from theseller.accounts.session_store import stored_key


def _sign_in(person: Person, password: str = PASSWORD, **extra: str) -> tuple[Client, int]:
    client = Client()
    answer = client.post(
        "/sign-in/",
        {"email": person.email, "password": password, **extra},
        headers={"x-forwarded-for": "203.0.113.9"},
    )
    return client, answer.status_code


def test_a_right_password_signs_in(cast: Cast) -> None:
    client, status = _sign_in(cast.alice)
    assert status == 302
    assert client.get("/connections/").status_code == 200


def test_wrong_password_and_unknown_email_get_the_same_response(cast: Cast) -> None:
    wrong = Client().post("/sign-in/", {"email": cast.alice.email, "password": "nope"})
    unknown = Client().post("/sign-in/", {"email": "nobody@example.com", "password": "nope"})
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert b"do not match an account" in wrong.content
    assert b"do not match an account" in unknown.content


def test_ten_wrong_tries_lock_an_address_out_even_for_the_right_password(cast: Cast) -> None:
    for _ in range(10):
        _sign_in(cast.charlie, "wrong")
    assert _sign_in(cast.charlie)[1] == 429


def test_the_session_key_in_the_cookie_is_not_in_the_database(cast: Cast) -> None:
    client, _ = _sign_in(cast.alice)
    key = client.cookies["theseller_session"].value
    with connections["auth"].cursor() as cursor:
        cursor.execute(
            "select count(*) from django_session where session_key = %s or session_data like %s",
            [key, f"%{key}%"],
        )
        assert cursor.fetchone() == (0,)


def test_a_session_copied_to_another_key_opens_nothing(cast: Cast, database: str) -> None:
    client, _ = _sign_in(cast.alice)
    own, chosen = client.cookies["theseller_session"].value, "a-cookie-of-the-attackers-choice"
    copy = (
        "insert into django_session select %s, session_data, expire_date from django_session where"
        " session_key = %s on conflict (session_key) do update set session_data ="
        " excluded.session_data"
    )
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(copy, [stored_key(chosen), stored_key(own)])
        attacker = Client()
        attacker.cookies["theseller_session"] = chosen
        assert attacker.get("/connections/").status_code == 302
        # Nor in the place of a session of the attacker's own.
        theirs, _ = _sign_in(cast.charlie)
        superuser.execute(
            copy, [stored_key(theirs.cookies["theseller_session"].value), stored_key(own)]
        )
        assert theirs.get("/connections/").status_code == 302
    assert client.get("/connections/").status_code == 200


def test_a_session_of_an_earlier_version_asks_to_sign_in_again(cast: Cast, database: str) -> None:
    client, _ = _sign_in(cast.alice)
    key = stored_key(client.cookies["theseller_session"].value)
    earlier = signing.dumps(
        {"_auth_user_id": str(cast.alice.id)},
        salt="django.contrib.sessions.SessionStore",
        compress=True,
    )
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "update django_session set session_data = %s where session_key = %s", [earlier, key]
        )
    assert client.get("/connections/")["Location"].startswith("/sign-in/")
    assert (
        client.post("/sign-in/", {"email": cast.alice.email, "password": PASSWORD}).status_code
        == 302
    )
    assert client.get("/connections/").status_code == 200


def test_signing_out_ends_the_session_in_the_database(cast: Cast) -> None:
    client, _ = _sign_in(cast.alice)
    stolen = client.cookies["theseller_session"].value
    client.post("/sign-out/")
    thief = Client()
    thief.cookies["theseller_session"] = stolen
    assert thief.get("/connections/").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_the_next_parameter_redirects_to_this_site_only(cast: Cast, target: str) -> None:
    answer = Client().post(
        "/sign-in/", {"email": cast.bob.email, "password": PASSWORD, "next": target}
    )
    assert answer["Location"] == "/"


def test_a_person_removed_from_a_shop_has_no_membership_at_once(cast: Cast, database: str) -> None:
    client, _ = _sign_in(cast.bob)
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        superuser.execute("delete from accounts_membership where user_id = %s", [cast.bob.id])
    assert client.get("/connections/")["Location"] == "/no-shop/"
