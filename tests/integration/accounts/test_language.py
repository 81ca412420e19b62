"""The language of pages: that of the browser, or the one that a person chose for their account."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connections
from django.test import Client, override_settings
from django.utils import translation
from tests.cast import NOON, Cast, create_cast
from tests.database import test_server
from tests.operators import anonymous_client

from theseller.accounts.models import User
from theseller.accounts.security_notices import queue_security_notice
from theseller.lib import sql_execution
from theseller.mail.types import MailMode, MailSettings


@pytest.fixture
def cast(database: str) -> Cast:
    return create_cast()


def _client(cast: Cast, accepts: str = "en") -> Client:
    client = Client(headers={"accept-language": accepts})
    client.force_login(User.objects.get(pk=cast.alice.id))
    return client


@pytest.mark.parametrize(
    ("accepts", "language"), [("de-AT, en;q=0.5", "de"), ("fr, en;q=0.5", "en"), ("fr", "en")]
)
def test_a_page_is_in_the_language_of_the_browser(accepts: str, language: str) -> None:
    answer = anonymous_client().get("/sign-in/", headers={"accept-language": accepts})
    page = answer.content.decode()
    assert f'<html lang="{language}">' in page
    assert ("Passwort" in page) == (language == "de")
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]
    assert translation.get_language() == "en"  # of the thread, for whatever it does next


def test_an_error_before_any_view_is_in_the_language_of_the_browser() -> None:
    answer = anonymous_client().get("/no-such-page/", headers={"accept-language": "de"})
    assert "Seite nicht gefunden" in answer.content.decode()


def test_what_is_not_translated_stays_english_for_a_german_browser(cast: Cast) -> None:
    german = {"accept-language": "de"}
    controls = anonymous_client().get("/security/page.json", headers=german).json()["controls"]
    assert controls == anonymous_client().get("/security/page.json").json()["controls"]
    script = anonymous_client().get("/static/edge/js/edge.js", headers=german)
    assert "Content-Language" not in script
    assert "Accept-Language" not in script["Vary"]
    script.close()


def test_a_person_chooses_the_language_of_pages_and_mails(database: str, cast: Cast) -> None:
    client = _client(cast)
    assert '<html lang="en">' in client.get("/account/security/").content.decode()
    assert client.post("/account/language/", {"language": "de"})["Location"] == "/account/security/"
    page = client.get("/account/security/").content.decode()
    assert '<html lang="de">' in page
    assert "Sprache wurde gespeichert." in page
    assert '<option value="de" lang="de" selected>' in page
    assert _events(database, cast) == [{"language": "de"}]
    # Whatever language the process has when it writes to this person.
    with override_settings(MAIL=MailSettings(MailMode.INBOX, sender="a@acme.example")):
        queue_security_notice(cast.alice.id, "password_changed", at=NOON)
        queue_security_notice(cast.bob.id, "password_changed", at=NOON)
    languages = _languages()
    assert (languages[cast.alice.email], languages[cast.bob.email]) == ("de", "en")
    client.post("/account/language/", {"language": ""})
    assert '<html lang="en">' in client.get("/account/security/").content.decode()
    assert '<html lang="de">' in _client(cast, "de").get("/account/security/").content.decode()


def test_a_language_that_is_not_offered_is_not_stored(database: str, cast: Cast) -> None:
    _client(cast).post("/account/language/", {"language": "xx"})
    assert User.objects.get(pk=cast.alice.id).language == ""
    assert _events(database, cast) == []
    # One of an earlier version, which offered it.
    User.objects.filter(pk=cast.alice.id).update(language="xx")
    assert '<html lang="de">' in _client(cast, "de").get("/account/security/").content.decode()


def _events(database: str, cast: Cast) -> list[dict[str, str]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        rows = superuser.execute(
            "select details from audit_event where tag = 'accounts:user:language_chosen'"
            " and subject = %s order by position",
            [f"user:{cast.alice.id}"],
        ).fetchall()
    return [details for (details,) in rows]


def _languages() -> dict[str, str]:
    return dict(
        sql_execution.rows(
            connections["worker"],
            "select recipient, language from mail_message where kind = 'security_notice'",
        )
    )
