"""Each sentence of each mail goes through gettext, in the language of the message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape

import pytest
from django.test import override_settings
from django.utils import translation
from tests.bracketed_texts import BracketedTexts, untranslated

from theseller.lib.translation_marks import gettext_noop, marked
from theseller.mail.mail_kinds import (
    CHANGES,
    KINDS,
    DeliveryTest,
    Invitation,
    MailContext,
    OperatorAlert,
    PasswordReset,
    SecurityNotice,
    SignUp,
    decoded,
    encoded,
)
from theseller.mail.rendering import render_mail
from theseller.mail.types import MailMode, MailSettings

_AT = datetime(2026, 11, 20, 13, tzinfo=UTC)
_LINK = "https://data.example/1"
_CONTEXTS: tuple[MailContext, ...] = (
    PasswordReset(_LINK, _AT),
    Invitation(_LINK, _AT, "12345", "67890"),
    SignUp(_LINK, _AT),
    *(SecurityNotice(change, _AT) for change in sorted(CHANGES)),
    OperatorAlert(
        marked(gettext_noop("job %(task)s failed"), task="11"),
        marked(gettext_noop("%(error)s. The worker's log has the traceback."), error="22"),
        _LINK,
        _AT,
    ),
    OperatorAlert(
        marked(gettext_noop("control %(control)s failed"), control="33"),
        marked("%(title)s\n%(evidence)s", title=marked("A title"), evidence="44"),
        _LINK,
        _AT,
    ),
    DeliveryTest(_AT),
)
#: What is data in a mail: links.
_DATA = re.compile(r"https?://[^\s\"<]+")


@pytest.fixture(autouse=True)
def _sender() -> Iterator[None]:
    with override_settings(MAIL=MailSettings(MailMode.INBOX, sender="a@acme.example")):
        yield


def _mail(context: MailContext, language: str = "en") -> EmailMessage:
    with translation.override(language):
        stored = encoded(context)
    return render_mail(
        decoded(context.kind, stored),
        recipient="alice@example.com",
        language=language,
        message_id="<1@acme.example>",
        queued_at=_AT,
    )


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_all_kinds_of_mail_are_tried() -> None:
    assert {one.kind for one in _CONTEXTS} == set(KINDS)


@pytest.mark.parametrize("context", _CONTEXTS, ids=lambda one: getattr(one, "change", one.kind))
def test_every_sentence_of_a_mail_is_translated(
    context: MailContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "_trans", BracketedTexts(vars(translation)["_trans"]))
    mail = _mail(context)
    subject, text, html = str(mail["Subject"]), _part(mail, "plain"), _part(mail, "html")
    for shown in (subject, _DATA.sub("", text)):
        assert "⟦" in shown
        assert untranslated(f"<p>{escape(shown)}</p>") == []
    assert html.count("⟦") >= 3
    assert untranslated(_DATA.sub("", html)) == []


def test_a_mail_is_written_in_its_own_language() -> None:
    """Two languages in one process, whatever language the process has at that moment."""
    reset, invitation, alert = _CONTEXTS[0], _CONTEXTS[1], _CONTEXTS[8]
    with translation.override("en"):
        mail = _mail(reset, "de")
    assert mail["Subject"] == "Neues Passwort wählen"
    assert '<html lang="de">' in _part(mail, "html")
    assert "Neues Passwort wählen</a>" in _part(mail, "html")
    assert "bis zum 20. Nov. 2026, 13:00 UTC" in _part(mail, "plain")
    mail = _mail(invitation, "de")
    assert mail["Subject"] == "Einladung zu 12345"
    for kind in ("plain", "html"):
        assert "67890 lädt Sie zu 12345 auf TheSeller ein." in _part(mail, kind)
    assert _mail(alert, "de")["Subject"] == "Alarm: Job 11 ist fehlgeschlagen"
    with translation.override("de"):
        english = _mail(reset, "en")
    assert english["Subject"] == "Choose a new password"
    assert '<html lang="en">' in _part(english, "html")
