"""The public page: for everyone, complete, the same as HTML and as JSON.

It names no person or shop that the probes read. In a real browser, wide and at phone width, light
and dark: nothing that the policy refuses, nothing that axe objects to.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.test import Client, override_settings
from playwright.sync_api import Browser
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import served
from tests.browser_sessions import chromium
from tests.database import test_server
from tests.sabotage.deployment import Deployment, set_up

from theseller.cli.outside_prober.security_page_contact_measurement import read_contact
from theseller.config.operator_on_security_page import OperatorIdentity
from theseller.controls.catalogue import CATALOGUE
from theseller.controls.catalogue.clauses_without_probe import PENDING
from theseller.controls.operations import run_control
from theseller.controls.types import Status
from theseller.lib import clock


@pytest.fixture(scope="module")
def deployment(database: str) -> Deployment:
    made = set_up()
    at = clock.now()
    for control in CATALOGUE:
        # One is left unchecked and one is old, so that the page has more than one colour.
        if control != "aup-no-training":
            run_control(
                control, at=at - (timedelta(hours=5) if control == "pii-strip" else timedelta(0))
            )
    return made


def _page(path: str = "/security/") -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_names_the_operator_where_all_four_parts_are_set(deployment: Deployment) -> None:
    assert "Who operates this service" not in _page()
    parts = ("Ada Lovelace", "security@shop.example", "Shop <GmbH>", "Example Street 1, Berlin")
    with override_settings(OPERATOR_IDENTITY=OperatorIdentity(*parts)):
        page = _page()
    seen = read_contact("203.0.113.1", 200, page)
    assert (seen.officer, seen.contact, seen.legal_entity, seen.legal_address) == parts
    assert seen.clauses == len(CATALOGUE) + len(PENDING)
    with override_settings(OPERATOR_IDENTITY=OperatorIdentity(*parts[:3], "")):
        assert "Who operates this service" not in _page()


def test_security_page_has_an_element_for_every_control_id(deployment: Deployment) -> None:
    found = re.findall(r'<article\s+class="control is-([a-z]+)[^"]*"\s+id="([a-z0-9-]+)"', _page())
    assert sorted(name for _, name in found) == sorted([*CATALOGUE, *(one.id for one in PENDING)])
    colours = {name: displayed_status for displayed_status, name in found}
    assert colours["pii-strip"] == "stale"
    assert colours["aup-no-training"] == "unknown"
    assert colours["net-tenant-isolation"] == "met"
    assert {colours[one.id] for one in PENDING} == {"unknown"}


def test_security_page_json_has_the_same_statuses_as_the_page(deployment: Deployment) -> None:
    document = json.loads(_page("/security/page.json"))
    shown = {
        name: displayed_status
        for displayed_status, name in re.findall(
            r'<article\s+class="control is-([a-z]+)[^"]*"\s+id="([a-z0-9-]+)"', _page()
        )
    }
    assert {one["id"]: one["outcome"].replace("_", "") for one in document["controls"]} == shown
    assert all(one["probe"] or one["outcome"] == Status.UNKNOWN for one in document["controls"])


def test_security_page_and_json_show_the_certificate_public_key(deployment: Deployment) -> None:
    keys = json.loads(_page("/security/page.json"))["certificate_public_keys"]
    assert len(keys) == 1
    assert re.fullmatch(r"[0-9a-f]{64}", keys[0])
    assert keys[0] in _page()


def test_security_pages_contain_no_user_or_shop_name(deployment: Deployment) -> None:
    said = (
        _page()
        + _page("/security/page.json")
        + "".join(_page(f"/security/{control}/") for control in CATALOGUE)
    )
    cast = deployment.cast
    for name in (
        cast.alices_shop,
        cast.charlies_shop,
        deployment.open,
        deployment.ended,
        deployment.certified,
        cast.alice.id,
        "A2SABOTAGE",
    ):
        assert str(name) not in said


def test_control_page_shows_its_evidence(deployment: Deployment) -> None:
    said = _page("/security/net-tenant-isolation/")
    assert "attempts to reach a row of another shop were made as" in said
    assert "theseller.tenancy.tenant_scope:tenant_scope" in said
    assert Client().get("/security/no-such-clause/").status_code == 404
    assert "Not yet proven" in _page(f"/security/{PENDING[0].id}/")


def test_security_page_has_a_strict_csp_and_no_inline_script_or_style(
    deployment: Deployment,
) -> None:
    answer = Client().get("/security/")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "public, max-age=15"
    said = answer.content.decode()
    assert "<script>" not in said
    assert " style=" not in said
    assert Client().post("/security/").status_code == 405


@pytest.fixture
def broken(deployment: Deployment, database: str) -> Iterator[None]:
    """Have one control found broken: the page has that color, too, besides one stale and one unknown."""
    del deployment
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("alter table ingest_product no force row level security")
        try:
            run_control("net-tenant-isolation", at=clock.now())
        finally:
            superuser.execute("alter table ingest_product force row level security")
    yield
    run_control("net-tenant-isolation", at=clock.now())


@pytest.fixture
def site(broken: None) -> Iterator[str]:
    # The browser starts last and ends first: Django's database refuses to work beside its loop.
    with override_settings(ALLOWED_HOSTS=["127.0.0.1"]), served() as address:
        yield address


def test_security_pages_have_no_csp_axe_or_overflow_errors(site: str) -> None:
    with chromium() as browser:
        # Rules of accessibility read the same elements at each width: each page is judged at one.
        for path, judged_at in (("/security/", 1280), ("/security/net-tenant-isolation/", 390)):
            for width in (1280, 390):
                _has_no_errors(browser, site, path, width, judged=width == judged_at)


def _has_no_errors(browser: Browser, site: str, path: str, width: int, *, judged: bool) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(site + path)
    folder = os.environ.get("THESELLER_SCREENSHOTS")
    for scheme in ("dark", "light") if folder else ():
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.screenshot(
            path=f"{folder}/security{path.replace('/', '-')}{width}-{scheme}.png", full_page=True
        )
    if judged:
        assert violations_by_scheme(page) == {"light": [], "dark": []}
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []
    if path == "/security/":
        assert page.locator("#net-tenant-isolation.is-broken").count() == 1
        page.click("text=One shop's rows do not exist for another >> nth=0")
        assert page.url.endswith("#net-tenant-isolation")
    page.close()
