"""Seller Central: the consent page, its errors, and managing authorisations."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.unit.emulator.support import ALICE, CHARLIE, REDIRECT, Amazon, amazon_with

BASE = "/seller-central/sellercentral.amazon.com/apps"
ASK = (
    f"{BASE}/authorize/consent?application_id=amzn1.sp.solution.test&state=abc"
    f"&redirect_uri={REDIRECT}"
)


def test_consent_page_shows_the_requested_roles_and_the_seller(amazon: Amazon) -> None:
    page = amazon.client.get(ASK)
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "Emulated Seller Central" in page.text
    for role in amazon.config.application.roles:
        assert role in page.text
    assert ALICE in page.text
    assert CHARLIE not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example" in policy
    assert "<script" not in page.text
    assert "style=" not in page.text.replace('rel="stylesheet"', "")
    assert (
        amazon.client.get("/seller-central/style.css")
        .headers["content-type"]
        .startswith("text/css")
    )


def test_confirming_returns_with_state_seller_and_code(amazon: Amazon) -> None:
    answer = amazon.consent(ALICE, state="a b&c")
    location = answer.headers["location"]
    assert answer.status_code == 303
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert location.startswith(REDIRECT + "?")
    query = parse_qs(urlsplit(location).query)
    assert (query["state"], query["selling_partner_id"]) == (["a b&c"], [ALICE])
    assert query["spapi_oauth_code"][0]


def test_without_a_redirect_uri_the_registered_one_is_used(amazon: Amazon) -> None:
    assert amazon.consent(ALICE, redirect_uri="").headers["location"].startswith(REDIRECT)


def test_cancelled_consent_does_not_redirect_to_the_application(amazon: Amazon) -> None:
    answer = amazon.consent(ALICE, decision="cancel")
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert not amazon.emulator.state.data["codes"]


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"redirect_uri": "https://shop.example/other"}, "MD5101"),
        ({"redirect_uri": REDIRECT + "#x"}, "MD5110"),
        ({"application_id": "amzn1.sp.solution.other"}, "MD9010"),
        ({"account": "secondary:" + ALICE}, "SPDC8143"),
        ({"account": CHARLIE}, "404"),
    ],
)
def test_invalid_consent_request_shows_amazons_error_code(
    amazon: Amazon, overrides: dict[str, str], code: str
) -> None:
    answer = amazon.consent(ALICE, **overrides)
    assert answer.status_code >= 400
    assert f"Error {code}" in answer.text
    assert not amazon.emulator.state.data["codes"]


def test_draft_application_consent_requires_version_beta(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, draft=True)
    assert "Error MD1000" in amazon.client.get(ASK).text
    assert amazon.client.get(ASK + "&version=beta").status_code == 200


def test_consent_for_an_application_without_redirect_uris_is_refused(tmp_path: Path) -> None:
    assert "Error MD9100" in amazon_with(tmp_path, redirect_uris=()).consent(ALICE).text


def test_texts_from_the_address_are_escaped(amazon: Amazon) -> None:
    page = amazon.client.get(ASK + "%22%3E%3Cb%3E")
    assert "<b>" not in page.text
    page = amazon.client.get(ASK.replace("state=abc", "state=%22%3E%3Cb%3E"))
    assert "<b>" not in page.text


def test_manage_page_lists_and_disables_authorizations(amazon: Amazon) -> None:
    assert "No application has access" in amazon.client.get(f"{BASE}/manage").text
    amazon.connect(ALICE)
    listed = amazon.client.get(f"{BASE}/manage").text
    assert "Authorized" in listed
    assert "Re-authorize" in listed
    assert (
        amazon.client.post(
            f"{BASE}/manage", data={"account": CHARLIE, "action": "disable"}
        ).status_code
        == 303
    )
    assert amazon.emulator.state.authorised(ALICE)
    amazon.client.post(f"{BASE}/manage", data={"account": ALICE, "action": "disable"})
    assert not amazon.emulator.state.authorised(ALICE)
    assert "Disabled" in amazon.client.get(f"{BASE}/manage").text


def test_an_unknown_host_has_no_sellers(amazon: Amazon) -> None:
    assert (
        amazon.client.get(
            "/seller-central/sellercentral.example/apps/authorize/consent"
        ).status_code
        == 404
    )


def test_the_first_page_leads_to_every_emulated_store(amazon: Amazon) -> None:
    page = amazon.client.get("/")
    assert page.status_code == 200
    for host in (
        "sellercentral.amazon.com",
        "sellercentral-europe.amazon.com",
        "sellercentral.amazon.co.jp",
    ):
        assert f"/seller-central/{host}/apps/manage" in page.text
        assert amazon.client.get(f"/seller-central/{host}/apps/manage").status_code == 200
