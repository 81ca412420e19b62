"""The page on which a person requests a link for a new password."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connections
from django.test import override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.operators import anonymous_client, create_operator, operator_client

from theseller.accounts.models import PasswordLink, PasswordRequest
from theseller.accounts.one_time_link_tokens import VALID_FOR
from theseller.accounts.password_reset.operations import make_password_link
from theseller.accounts.tasks import delete_expired_links
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.mail.types import MailMode, MailSettings
from theseller.privacy.account_deletion.operations import delete_account

MAIL = MailSettings(mode=MailMode.INBOX, sender="theseller@example.com")


def _ask(email: str) -> tuple[int, str]:
    answer = anonymous_client().post("/password-reset/", {"email": email})
    return answer.status_code, answer.content.decode()


def _plain(text: str) -> str:
    """Return a page without its request's ID and forgery token."""
    return "\n".join(line for line in text.splitlines() if "request" not in line.lower())


@pytest.mark.parametrize("mail", [MAIL, MailSettings()], ids=["mail", "no mail"])
def test_the_answer_is_the_same_with_and_without_an_account(cast: Cast, mail: MailSettings) -> None:
    with override_settings(MAIL=mail):
        known = _ask(cast.bob.email.upper())
        unknown = _ask(f"no.one.{new_id().hex[-12:]}@example.com")
        delete_account(person=cast.bob.id, at=clock.now())
        leaving = _ask(cast.bob.email)
    assert known[0] == unknown[0] == leaving[0] == 200
    assert _plain(known[1]) == _plain(unknown[1]) == _plain(leaving[1])
    assert _ask("no address")[0] == 422


@override_settings(MAIL=MailSettings())
def test_without_mail_operators_see_the_request_until_they_made_a_link(cast: Cast) -> None:
    _ask(cast.bob.email)
    _ask(cast.bob.email)
    assert not PasswordLink.objects.filter(user_id=cast.bob.id).exists()
    client = operator_client(create_operator())
    assert cast.bob.email in client.get("/operate/shops/").content.decode()
    make_password_link(person=cast.bob.id, actor="operator:test", at=clock.now())
    assert cast.bob.email not in client.get("/operate/shops/").content.decode()


def test_with_mail_the_person_gets_the_link(cast: Cast, database: str) -> None:
    stranger = create_operator(operates=False)  # a person of no shop gets no mail
    with override_settings(MAIL=MAIL):
        _ask(cast.bob.email)
        _ask(stranger.email)
    with as_role("worker"), connections["worker"].cursor() as cursor:
        cursor.execute("select kind from mail_message where recipient = %s", [cast.bob.email])
        assert cursor.fetchall() == [("password_reset",)]
    assert PasswordLink.objects.filter(user_id=cast.bob.id).exists()
    assert not PasswordRequest.objects.filter(user_id=cast.bob.id).exists()
    assert not PasswordLink.objects.filter(user_id=stranger.id).exists()
    assert PasswordRequest.objects.filter(user_id=stranger.id).exists()
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        said = superuser.execute(
            "select subject from audit_event where tag = 'accounts:password_link:requested'"
            " order by position desc limit 2"
        ).fetchall()
    assert said == [(f"user:{stranger.id}",), (f"user:{cast.bob.id}",)]


def test_requests_are_limited_by_address_and_by_network(cast: Cast) -> None:
    client = anonymous_client()
    said = [
        client.post("/password-reset/", {"email": cast.bob.email}).status_code for _ in range(12)
    ]
    assert said == [200] * 10 + [429] * 2
    statuses = [
        client.post("/password-reset/", {"email": f"{new_id().hex}@example.com"}).status_code
        for _ in range(40)
    ]
    assert statuses[-1] == 429
    assert _ask(cast.bob.email)[0] == 200


def test_old_requests_are_deleted(cast: Cast) -> None:
    at = clock.now()
    PasswordRequest.objects.create(user_id=cast.bob.id, requested_at=at - VALID_FOR)
    PasswordRequest.objects.create(user_id=cast.alice.id, requested_at=at)
    with as_role("worker"):
        delete_expired_links(timestamp=0)
    found = PasswordRequest.objects.filter(user_id__in=[cast.alice.id, cast.bob.id])
    assert [one.user_id for one in found] == [cast.alice.id]
