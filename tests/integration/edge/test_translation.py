"""Texts of pages go through gettext: a language is added by its catalog alone.

The pages are rendered with translations that put each text in brackets. What is outside of
brackets was not translated, and must be data: names, numbers, codes.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.test import Client
from django.utils import translation
from tests.bracketed_texts import BracketedTexts, untranslated
from tests.cast import Cast, create_cast
from tests.database import test_server
from tests.integration.analytics.facts import DE, Shop
from tests.integration.analytics.lifelike import Year
from tests.integration.ingest.imports.files import ALICE, report, settlement_text
from tests.operators import create_operator, operator_client

import theseller
from theseller.accounts.models import Passkey, User
from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.charge_display_names import charge_name
from theseller.amazon.reports import ReportType, inspect_report
from theseller.edge.translate_marked_texts import translated, translated_error
from theseller.ingest.imports.inspection_texts import period_texts
from theseller.ingest.imports.outcome_texts import outcome_texts
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.lib import clock
from theseller.lib.translation_marks import MarkedText, gettext_noop, marked, ngettext

#: What in a script of ours looks like a text: a string with two words, or with a capital letter
#: after which a word follows. Names that browsers define are allowed.
_SCRIPT_STRING = re.compile(r"""(["'`])((?:\\.|(?!\1).)*)\1""")
_SENTENCE = re.compile(r"[^\W\d_]{2,}[.,:;]? [^\W\d_]{2,}|^[A-Z][a-z]+$")
_BROWSERS_NAMES = re.compile(
    r"^(?:Escape|Enter|End|Home|InvalidStateError|[a-z]+(?:-[a-z]+)* [a-z-]+)$|^\(|input|\[data-"
)


@pytest.fixture
def bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    otherwise = vars(translation)["_trans"]
    monkeypatch.setattr(translation, "_trans", BracketedTexts(otherwise))


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
    assert untranslated(page) == []


@pytest.mark.usefixtures("bracketed")
def test_every_text_of_a_shops_pages_is_translated(cast: Cast, alice: Client) -> None:
    shop = Shop(cast.alices_shop)
    Year(shop, clock.now(), days=40, per_day=2, stores=(DE,)).connect()
    order, *_others = (shop.order(clock.now() - timedelta(days=days)) for days in (2, 3, 20, 30))
    shop.money(clock.now(), "5.00", order_id=order, state="deferred")
    shop.settlement_document(clock.now() - timedelta(days=9), clock.now(), (DE,), "1234567")
    shop.money(clock.now(), "-3.00", source="settlement", state="settled", source_key="1234567")
    shop.roll_up()
    for address in (
        "/",
        "/products/",
        "/products/costs/",
        "/products/costs/file/",
        "/products/costs/product/?sku=MUG-1",
        "/settlements/",
        "/settlements/1234567/",
        "/reconciliation/",
        "/orders/",
        "/profit-and-loss/",
        "/expenses/",
        f"/orders/{order}/",
        "/inventory/?edit=MUG-1",
        "/returns/",
        "/traffic/",
        "/connections/",
        "/connections/new/",
        "/account/security/",
        "/data/",
    ):
        page = alice.get(address).content.decode()
        assert "⟦" in page
        assert untranslated(page) == [], (
            f"{address}: mark these texts for translation (docs/develop/add-a-language.md), or show"
            " data, such as a code, in <code>"
        )


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize("address", ["/security/", "/security/bak-cap/", "/security/inc-plan/"])
def test_every_text_of_the_controls_is_translated(address: str) -> None:
    page = Client().get(address).content.decode()
    assert "⟦" in page
    assert untranslated(page) == []


@pytest.mark.usefixtures("bracketed")
def test_the_json_of_the_controls_is_in_english() -> None:
    assert "⟦" not in Client().get("/security/page.json").content.decode()


@pytest.mark.usefixtures("bracketed")
def test_every_text_of_the_operators_pages_is_translated(database: str) -> None:
    client = operator_client(create_operator())
    for address in (
        "/operate/",
        "/operate/access/",
        "/operate/access/open/",
        "/operate/deletion-requests/",
        "/operate/mail/",
        "/operate/reviews/",
    ):
        page = client.get(address).content.decode()
        assert "⟦" in page
        # Other tests of this worker have made people, factors, sessions and events that these
        # pages list.
        known = set(User.objects.values_list("name", flat=True))
        known |= set(Passkey.objects.values_list("name", flat=True))
        with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
            reasons = superuser.execute("select reason from governance_access_session").fetchall()
        known |= {reason for (reason,) in reasons}
        found = [one for one in untranslated(page) if one.strip(", ") not in known]
        assert found == [], address


@pytest.mark.usefixtures("bracketed")
def test_every_text_of_the_import_page_is_translated(alice: Client) -> None:
    page = alice.get("/imports/").content.decode()
    assert "⟦Waiting⟧" in page
    assert untranslated(page) == []


def _script_texts(script: str) -> list[str]:
    code = re.sub(r"/\*.*?\*/|^\s*//.*$|\s// .*$", "", script, flags=re.DOTALL | re.MULTILINE)
    strings = (found[2] for found in _SCRIPT_STRING.finditer(code))
    return [one for one in strings if _SENTENCE.search(one) and not _BROWSERS_NAMES.search(one)]


def test_no_script_contains_a_text() -> None:
    scripts = [
        path
        for path in Path(theseller.__path__[0]).glob("*/static/**/*.js")
        if "vendor" not in path.parts
    ]
    assert len(scripts) > 5
    for path in scripts:
        assert _script_texts(path.read_text(encoding="utf-8")) == [], path


def test_a_text_in_a_script_is_found() -> None:
    assert _script_texts(
        'say("Copied now.", `${n} orders left`); title = "Waiting"; // "Not this"'
    ) == [
        "Copied now.",
        "${n} orders left",
        "Waiting",
    ]


def test_a_marked_text_is_english_and_is_translated_with_its_values(bracketed: None) -> None:
    rows = ngettext("%(number)s row", "%(number)s rows", 1204)
    text = marked(gettext_noop("%(rows)s in %(name)s"), rows=rows, name="a.txt")
    assert text == "1,204 rows in a.txt"
    assert translated(text) == "⟦⟦1,204 rows⟧ in a.txt⟧"
    assert translated(text.with_values(name="b.txt")) == "⟦⟦1,204 rows⟧ in b.txt⟧"
    assert translated_error(ValueError(text)) == translated(text)


def test_a_text_without_a_translation_is_found() -> None:
    page = (
        '<html lang="en"><p title="Said">⟦Translated⟧ <b>not</b> 12 EUR</p><p hidden>data</p>'
        '<p>⟦a <b>b</b>⟧</p><p lang="en">Evidence</p><p hidden data-text-copied="Copied"></p></html>'
    )
    assert untranslated(page) == ["Said", "not", "Copied"]


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize(
    "content",
    [
        lambda: report(ALICE, ReportType.ALL_ORDERS_BY_ORDER_DATE),
        lambda: report(ALICE, ReportType.SALES_AND_TRAFFIC),
        lambda: settlement_text(ALICE),
        lambda: report(ALICE, ReportType.ALL_ORDERS_BY_ORDER_DATE).replace("\n", "\nx\ty", 1),
        lambda: "<html><body>",
        lambda: "a\tb\n1\t2\n",
        lambda: "",
    ],
    ids=["orders", "traffic", "settlement", "unreadable row", "web page", "unknown", "empty"],
)
def test_every_text_about_a_checked_file_is_translated(content: Callable[[], str]) -> None:
    found = inspect_report(lambda: [content().encode()])
    texts = [
        *(found.why_not, found.advice, found.type_evidence, found.encoding_evidence),
        *(text for text in (*found.warnings, *period_texts(found))),
        *(row.reason for row in found.rows_refused),
        *(
            text
            for status in ImportStatus
            for text in outcome_texts(ImportOutcome(status, found, why_not=found.why_not or "no"))
        ),
    ]
    known = _literals()
    for text in filter(None, texts):
        template = text.template if isinstance(text, MarkedText) else text
        assert template in known, (
            f"the text is not a literal, so makemessages can't list it: {text}"
        )
        assert untranslated(translated(text)) == []


@functools.cache
def _literals() -> set[str]:
    return {
        node.value
        for path in Path(theseller.__path__[0]).glob("**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } | {"no"}


def test_every_charge_has_a_name() -> None:
    assert all(charge_name(one) for one in ChargeType)
