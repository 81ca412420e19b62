"""Texts of pages go through gettext: a language is added by its catalog alone.

The pages are rendered with translations that put each text in brackets. What is outside of
brackets was not translated, and must be data: names, numbers, codes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import translation
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, Shop
from tests.integration.analytics.lifelike import Year

from theseller.accounts.models import User
from theseller.lib import clock

_VOID = {"br", "hr", "img", "input", "link", "meta", "path", "use"}
#: Elements that show names and codes as they are.
_DATA_TAGS = {"code", "kbd", "script"}
_DATA_CLASSES = {"brand", "hash"}
_SHOWN_ATTRIBUTES = {"aria-label", "placeholder", "title"}
#: Data that pages show as it is stored, and names that no language translates.
_DATA = re.compile(
    r"Alice's shop|Alice|TheSeller|Amazon\.[a-z.]+|Finance and Accounting"
    r"|Inventory and Order Tracking|MUG-1|Mug|B0\w{8}|[\w.-]+@[\w.-]+|\b[A-Z]{2,5}\b|\ba[mp]m\b"
    r"|^\s*[a-z]+(?:-[a-z0-9]+)+\s*$"  # a control's ID
)


class _BracketedTexts:
    """Translations into a language that puts each text in brackets."""

    def __init__(self, otherwise: object) -> None:
        self._otherwise = otherwise

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧" if message else message

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002
        return self.gettext(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def npgettext(
        self,
        context: str,  # noqa: ARG002
        singular: str,
        plural: str,
        number: int,
    ) -> str:
        return self.ngettext(singular, plural, number)

    def __getattr__(self, name: str) -> object:
        return getattr(self._otherwise, name)


class _Untranslated(HTMLParser):
    """Collects the words that are shown outside of brackets."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = 0
        self._hidden: list[bool] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in _SHOWN_ATTRIBUTES & given.keys():
            self._collect(given[name] or "", 0)
        if tag not in _VOID:
            hidden = bool(self._hidden and self._hidden[-1])
            is_data = tag in _DATA_TAGS or not _DATA_CLASSES.isdisjoint(
                (given.get("class") or "").split()
            )
            self._hidden.append(hidden or is_data or "hidden" in given)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._hidden:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if self._hidden and self._hidden[-1]:
            return
        self._depth = self._collect(data, self._depth)

    def _collect(self, text: str, depth: int) -> int:
        outside = ""
        for character in text:
            if character == "⟧":
                depth -= 1
            elif character == "⟦":
                depth += 1
                outside += " "
            elif not depth:
                outside += character
        if re.search(r"[^\W\d_]{2,}", _DATA.sub(" ", outside)):
            self.found.append(" ".join(outside.split()))
        return depth


def _untranslated(page: str) -> list[str]:
    return _Untranslated(page).found


@pytest.fixture
def bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    otherwise = vars(translation)["_trans"]
    monkeypatch.setattr(translation, "_trans", _BracketedTexts(otherwise))


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    return client


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize("address", ["/sign-in/", "/", "/no-such-page/"])
def test_every_text_before_signing_in_is_translated(address: str) -> None:
    page = Client().get(address).content.decode()
    assert "⟦" in page
    assert _untranslated(page) == []


@pytest.mark.usefixtures("bracketed")
def test_every_text_of_a_shops_pages_is_translated(cast: Cast, alice: Client) -> None:
    shop = Shop(cast.alices_shop)
    Year(shop, clock.now(), days=40, per_day=2, stores=(DE,)).connect()
    for days in (2, 3, 20, 30):
        shop.order(clock.now() - timedelta(days=days))
    shop.roll_up()
    for address in (
        "/",
        "/products/",
        "/connections/",
        "/connections/new/",
        "/account/security/",
        "/data/",
    ):
        page = alice.get(address).content.decode()
        assert "⟦" in page
        assert _untranslated(page) == [], address


@pytest.mark.usefixtures("bracketed")
def test_every_text_around_the_controls_is_translated() -> None:
    page = Client().get("/security/").content.decode()
    frame = page.split('<div class="notice')[0].split('<div class="document">')[0]
    assert "⟦Security controls, tested live⟧" in frame
    assert _untranslated(frame) == []


def test_a_text_without_a_translation_is_found() -> None:
    page = '<p title="Said">⟦Translated⟧ <b>not</b> 12 EUR</p><p hidden>data</p><p>⟦a <b>b</b>⟧</p>'
    assert _untranslated(page) == ["Said", "not"]
