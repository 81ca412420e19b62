"""Login with Amazon: what is granted, what is refused and in which words, what survives a restart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.unit.emulator.support import ALICE, REDIRECT, Amazon

from theseller.emulator.persisted_state import State, StateFileError

PARTICIPATIONS = "/sellers/v1/marketplaceParticipations"
REVOKED = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't"
    " grant the permission."
)


def refresh(amazon: Amazon, token: str, **fields: str) -> tuple[int, dict[str, Any]]:
    answer = amazon.token(grant_type="refresh_token", refresh_token=token, **fields)
    return answer.status_code, answer.json()


def test_a_code_becomes_tokens_and_tokens_open_the_api(amazon: Amazon) -> None:
    tokens = amazon.connect(ALICE)
    assert tokens["access_token"].startswith("Atza|")
    assert tokens["refresh_token"].startswith("Atzr|")
    assert tokens["token_type"] == "bearer"
    assert int(tokens["expires_in"]) == 3600
    assert amazon.call(ALICE, tokens["access_token"], PARTICIPATIONS).status_code == 200
    status, again = refresh(amazon, tokens["refresh_token"])
    assert status == 200
    assert again["access_token"] != tokens["access_token"]
    assert again["refresh_token"] == tokens["refresh_token"]


def code_refused(amazon: Amazon, code: str, redirect_uri: str = REDIRECT) -> bool:
    answer = amazon.token(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)
    return answer.status_code == 400 and as_recorded(answer) == (
        "invalid_grant",
        "The request has an invalid grant parameter : code",
    )


def as_recorded(answer: httpx.Response) -> tuple[str, str]:
    """Check that a 400 has the fields of recorded ones, and return what says why."""
    body = answer.json()
    assert set(body) == {"error", "error_description", "error_index", "request_id"}
    assert body["error_index"] == ""
    assert body["request_id"] == answer.headers["x-amzn-requestid"]
    return body["error"], body["error_description"]


def test_a_code_works_once_for_five_minutes_and_for_its_own_redirect_uri(amazon: Amazon) -> None:
    code = amazon.code(ALICE)
    assert code_refused(amazon, code, "https://shop.example/amazon/callback/")
    assert (
        amazon.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT).status_code
        == 200
    )
    assert code_refused(amazon, code)
    late = amazon.code(ALICE)
    amazon.clock.pass_(minutes=5)
    assert code_refused(amazon, late)
    assert code_refused(amazon, "never issued")


def test_a_missing_redirect_uri_is_refused(amazon: Amazon) -> None:
    answer = amazon.token(grant_type="authorization_code", code=amazon.code(ALICE))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_code_of_a_consent_that_named_no_redirect_uri_needs_none(amazon: Amazon) -> None:
    """So the npm package amazon-sp-api and python-amazon-sp-api exchange codes."""
    location = amazon.consent(ALICE, redirect_uri="").headers["location"]
    code = parse_qs(urlsplit(location).query)["spapi_oauth_code"][0]
    assert code_refused(amazon, code, "https://shop.example/amazon/callback/")
    assert amazon.token(grant_type="authorization_code", code=code).status_code == 200
    assert amazon.token(grant_type="authorization_code", code=code).status_code == 400


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        (
            {"grant_type": "refresh_token", "refresh_token": "Atzr|x", "client_secret": "long ago"},
            401,
            "invalid_client",
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "Atzr|x", "client_id": "someone"},
            401,
            "invalid_client",
        ),
        ({"grant_type": "refresh_token", "refresh_token": "Atzr|x"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "profile"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
    ],
)
def test_invalid_token_request_gets_amazons_status_and_error(
    amazon: Amazon, fields: dict[str, str], status: int, error: str
) -> None:
    answer = amazon.token(**fields)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_token_request_is_a_form_or_json(amazon: Amazon, *, as_json: bool) -> None:
    """Amazon's Java client and the npm package amazon-sp-api send JSON only."""
    fields = {
        "client_id": "amzn1.application-oa2-client.test", "client_secret": "newest",
        "grant_type": "authorization_code", "code": amazon.code(ALICE), "redirect_uri": REDIRECT,
    }  # fmt: skip
    body: dict[str, Any] = {"json": fields} if as_json else {"data": fields}
    answer = amazon.client.post("/auth/o2/token", **body)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"].startswith("Atzr|")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/plain", b"grant_type=refresh_token"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'{"a":1}'),
    ],
)
def test_any_other_token_request_is_refused(
    amazon: Amazon, content_type: str, content: bytes
) -> None:
    answer = amazon.client.post(
        "/auth/o2/token", content=content, headers={"Content-Type": content_type}
    )
    assert answer.status_code == 400
    assert as_recorded(answer)[0] == "invalid_request"


def test_a_revoked_seller_is_refused_everywhere_and_an_enabled_one_is_not(amazon: Amazon) -> None:
    tokens = amazon.connect(ALICE)
    assert (
        amazon.client.post("/_emulator/revoke", json={"selling_partner_id": ALICE}).status_code
        == 200
    )
    status, error = refresh(amazon, tokens["refresh_token"])
    assert (status, error["error"], error["error_description"]) == (400, "invalid_grant", REVOKED)
    refused = amazon.call(ALICE, tokens["access_token"], PARTICIPATIONS)
    assert refused.status_code == 403
    assert (
        refused.json()["errors"][0]["details"]
        == "The access token you provided is revoked, malformed or invalid."
    )
    manage = "/seller-central/sellercentral.amazon.com/apps/manage"
    assert (
        amazon.client.post(manage, data={"account": ALICE, "action": "enable"}).status_code == 303
    )
    assert refresh(amazon, tokens["refresh_token"])[0] == 200


def test_an_authorisation_ends_after_a_year(amazon: Amazon) -> None:
    tokens = amazon.connect(ALICE)
    amazon.clock.pass_(days=364)
    assert refresh(amazon, tokens["refresh_token"])[0] == 200
    amazon.clock.pass_(days=2)
    assert refresh(amazon, tokens["refresh_token"])[1]["error"] == "invalid_grant"


def test_two_secrets_work_and_rotation_gives_the_old_ones_seven_days(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["refresh_token"]
    assert refresh(amazon, token, client_secret="before")[0] == 200
    assert amazon.client.post(
        "/_emulator/rotate_secret", json={"client_secret": "brand new"}
    ).json() == {"client_secret": "brand new"}
    assert refresh(amazon, token, client_secret="brand new")[0] == 200
    assert refresh(amazon, token, client_secret="newest")[0] == 200
    amazon.clock.pass_(days=7, seconds=1)
    amazon.start()
    assert refresh(amazon, token, client_secret="newest")[0] == 401
    assert refresh(amazon, token, client_secret="brand new")[0] == 200


def test_a_restart_loses_nothing_and_the_file_holds_no_token(amazon: Amazon) -> None:
    tokens, code = amazon.connect(ALICE), amazon.code(ALICE)
    amazon.start()
    assert amazon.call(ALICE, tokens["access_token"], PARTICIPATIONS).status_code == 200
    assert refresh(amazon, tokens["refresh_token"])[0] == 200
    assert (
        amazon.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT).status_code
        == 200
    )
    amazon.start()
    assert code_refused(amazon, code)
    path = amazon.emulator.state.path
    kept = path.read_text()
    assert not any(
        secret in kept
        for secret in (tokens["access_token"][5:], tokens["refresh_token"][5:], code, "newest")
    )
    assert len(re.findall(r"[0-9a-f]{64}", kept)) > 3
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_token_without_a_seller_opens_nothing_of_a_seller(amazon: Amazon) -> None:
    answer = amazon.token(grant_type="client_credentials", scope="sellingpartnerapi::notifications")
    assert answer.status_code == 200
    refused = amazon.call(ALICE, answer.json()["access_token"], PARTICIPATIONS)
    assert (refused.status_code, refused.json()["errors"][0]["details"]) == (403, "")


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2}'])
def test_damaged_emulator_state_file_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "emulator.json").write_text(content)
    with pytest.raises(StateFileError, match="move it away"):
        State(tmp_path)
