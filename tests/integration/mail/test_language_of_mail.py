"""The language of mail: that of the request where its recipient makes it, else the deployment's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from django.utils import translation
from tests.cast import Cast
from tests.gettext_catalog import write_catalog
from tests.integration.mail.conftest import mail_settings
from tests.integration.mail.test_queue import INVITATION, queue
from tests.operators import anonymous_client

from theseller.lib import sql_execution


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add a language, as docs/develop/add-a-language.md says."""
    write_catalog(tmp_path, "de", {"Choose a new password": "Neues Passwort wählen"})
    with override_settings(
        USE_I18N=True,
        LOCALE_PATHS=[str(tmp_path)],
        LANGUAGES=[("en", "English"), ("de", "German")],
        MIDDLEWARE=[*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"],
        MAIL=mail_settings(None),
    ):
        monkeypatch.setattr(translation, "_trans", type(vars(translation)["_trans"])())
        yield
        translation.deactivate()


def _languages() -> list[tuple[str, str]]:
    return [
        (kind, language)
        for kind, language in sql_execution.rows(
            connections["worker"], "select kind, language from mail_message order by id"
        )
    ]


@pytest.mark.parametrize(("accepts", "language"), [("de-AT, en;q=0.5", "de"), ("fr", "en")])
def test_a_link_is_in_the_language_of_who_requests_it(
    german: None, cast: Cast, accepts: str, language: str
) -> None:
    anonymous_client().post(
        "/password-reset/", {"email": cast.alice.email}, headers={"accept-language": accepts}
    )
    assert _languages() == [("password_reset", language)]


def test_other_mail_is_in_the_language_of_the_deployment(german: None, cast: Cast) -> None:
    with translation.override("de"):
        queue(INVITATION, cast.alice.email)
    with override_settings(LANGUAGE_CODE="de"), translation.override("en"):
        queue(INVITATION, cast.bob.email)
    assert _languages() == [("invitation", "en"), ("invitation", "de")]
