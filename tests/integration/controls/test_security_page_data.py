"""The public page: for everyone, complete, the same as HTML and as JSON.

It names no person or shop that the probes read.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from tests.sabotage.deployment import Deployment, set_up

from theseller.config.operator_identity import OperatorIdentity
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
    assert "Shop &lt;GmbH&gt;, Example Street 1, Berlin" in page
    assert "Security officer: Ada Lovelace. Report a vulnerability to security@shop.example" in page
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
