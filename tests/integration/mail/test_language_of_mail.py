"""The language of mail.

That which its recipient chose, else that of the request where its recipient makes it, else the
deployment's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import override_settings
from django.utils import translation
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.integration.mail.conftest import mail_settings
from tests.integration.mail.test_queue import ALERT, INVITATION, queue
from tests.operators import anonymous_client, create_operator

from theseller.accounts.models import User
from theseller.lib import sql_execution
from theseller.mail.operations import alert_operators


@pytest.fixture(autouse=True)
def _inbox() -> Iterator[None]:
    with override_settings(MAIL=mail_settings(None)):
        yield


def _languages() -> list[tuple[str, str]]:
    return [
        (kind, language)
        for kind, language in sql_execution.rows(
            connections["worker"], "select kind, language from mail_message order by id"
        )
    ]


@pytest.mark.parametrize(("accepts", "language"), [("de-AT, en;q=0.5", "de"), ("fr", "en")])
def test_a_link_is_in_the_language_of_who_requests_it(
    cast: Cast, accepts: str, language: str
) -> None:
    anonymous_client().post(
        "/password-reset/", {"email": cast.alice.email}, headers={"accept-language": accepts}
    )
    assert _languages() == [("password_reset", language)]


def test_other_mail_is_in_the_language_of_the_deployment(cast: Cast) -> None:
    with translation.override("de"):
        queue(INVITATION, cast.alice.email)
    with override_settings(LANGUAGE_CODE="de"), translation.override("en"):
        queue(INVITATION, cast.bob.email)
    assert _languages() == [("invitation", "en"), ("invitation", "de")]


def test_mail_is_in_the_language_that_its_recipient_chose(cast: Cast) -> None:
    operator = create_operator()
    for person, language in ((cast.alice.id, "de"), (operator.id, "de"), (cast.bob.id, "xx")):
        User.objects.filter(pk=person).update(language=language)
    anonymous_client().post(
        "/password-reset/", {"email": cast.alice.email}, headers={"accept-language": "en"}
    )
    queue(INVITATION, cast.bob.email)  # one that is not offered is no choice
    with as_role("worker"):
        alert_operators(ALERT, idempotency_key="test", at=NOON)
    assert _languages()[:2] == [("password_reset", "de"), ("invitation", "en")]
    recipients = sql_execution.rows(
        connections["worker"],
        "select language from mail_message where kind = 'operator_alert' and recipient = %s",
        [operator.email],
    )
    assert recipients == [("de",)]
