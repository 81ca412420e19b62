"""Login with Amazon against a small substitute.

Every row of the failure table, and no secret in any error.
"""

from __future__ import annotations

import gc
import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from theseller.amazon.endpoints import Endpoints
from theseller.amazon.errors import (
    AuthorizationRevokedError,
    ClientSecretInvalidError,
    CodeRejectedError,
    LWAError,
    LWAMisconfiguredError,
    LWAUnavailableError,
)
from theseller.amazon.lwa import LWAClient
from theseller.amazon.transport import new_http
from theseller.lib.secret_type import Secret

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CODE = Secret("ANcode-zzq1")
REFRESH = Secret("Atzr|refresh-zzq2")
SECRETS = (Secret("new-client-zzq3"), Secret("old-client-zzq4"))
HIDDEN = ("zzq1", "zzq2", "zzq3", "zzq4", "zzq5", "zzq6")
BACK = "https://shop.example/amazon/callback"
TOKENS = {
    "access_token": "Atza|access-zzq5",
    "token_type": "bearer",
    "expires_in": 3600,
    "refresh_token": "Atzr|granted-zzq6",
}
REVOKED = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't"
    " grant the permission."
)

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, secrets: tuple[Secret, ...] = SECRETS) -> LWAClient:
    return LWAClient(
        Endpoints.amazon(),
        "amzn1.client",
        lambda: secrets,
        new_http(transport=httpx.MockTransport(handler)),
    )


def form(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def answering(status: int, body: object, headers: dict[str, str] | None = None) -> Handler:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content, headers=headers)


def assert_tells_nothing(error: BaseException) -> None:
    """No link of the chain, however printed, holds a secret or what Amazon wrote."""
    printed = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [
        frame for frame in printed.stack if "/theseller/" in frame.filename
    ]  # The test's own frames hold the answers it made up.
    assert ours
    text = "".join(traceback.StackSummary.from_list(ours).format()) + repr(
        [frame.locals for frame in ours]
    )
    text += str(error) + repr(vars(error))
    assert not any(word in text for word in HIDDEN)
    assert "may have revoked" not in text
    assert error.__context__ is None
    assert error.__cause__ is None


def test_authorization_code_is_exchanged_for_a_grant() -> None:
    seen: list[httpx.Request] = []

    def amazon(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=TOKENS)

    grant = client(amazon).exchange_code(CODE, BACK, NOON)
    assert grant.refresh_token == Secret("Atzr|granted-zzq6")
    assert grant.access_token.token == Secret("Atza|access-zzq5")
    assert grant.access_token.expires_at == NOON + timedelta(hours=1)
    assert str(seen[0].url) == "https://api.amazon.com/auth/o2/token"
    assert seen[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert form(seen[0]) == {
        "grant_type": "authorization_code",
        "code": CODE.reveal(),
        "redirect_uri": BACK,
        "client_id": "amzn1.client",
        "client_secret": SECRETS[0].reveal(),
    }
    assert not any(word in repr(grant) for word in HIDDEN)


def test_refresh_token_is_exchanged_for_an_access_token() -> None:
    seen: list[dict[str, str]] = []

    def amazon(request: httpx.Request) -> httpx.Response:
        seen.append(form(request))
        return httpx.Response(200, json=TOKENS)

    token = client(amazon).refresh(REFRESH, NOON)
    assert token.expires_at == NOON + timedelta(hours=1)
    assert seen[0]["grant_type"] == "refresh_token"
    assert seen[0]["refresh_token"] == REFRESH.reveal()
    assert "redirect_uri" not in seen[0]


def test_the_older_secret_is_tried_when_the_newer_is_refused() -> None:
    tried: list[str] = []

    def amazon(request: httpx.Request) -> httpx.Response:
        tried.append(form(request)["client_secret"])
        good = tried[-1] == SECRETS[1].reveal()
        return (
            httpx.Response(200, json=TOKENS)
            if good
            else httpx.Response(401, json={"error": "invalid_client"})
        )

    client(amazon).refresh(REFRESH, NOON)
    assert tried == [SECRETS[0].reveal(), SECRETS[1].reveal()]


@pytest.mark.parametrize("secrets", [SECRETS, SECRETS[:1], ()])
def test_a_refused_client_secret_is_an_error_for_the_operator(secrets: tuple[Secret, ...]) -> None:
    with pytest.raises(ClientSecretInvalidError) as caught:
        client(answering(401, {"error": "invalid_client"}), secrets).refresh(REFRESH, NOON)
    assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": "invalid_grant", "error_description": REVOKED}, AuthorizationRevokedError),
        (400, {"error": "unauthorized_client"}, LWAMisconfiguredError),
        (400, {"error": "unsupported_grant_type"}, LWAMisconfiguredError),
        (400, {"error": "invalid_scope"}, LWAMisconfiguredError),
        (400, {"error": "invalid_request"}, LWAMisconfiguredError),
        (429, {"error": "slow_down"}, LWAUnavailableError),
        (408, {"error": "invalid_grant"}, LWAUnavailableError),
        (500, {"error": "invalid_grant"}, LWAUnavailableError),
        (503, b"<html>busy</html>", LWAUnavailableError),
        (400, b"<html>bad request</html>", LWAUnavailableError),
        (403, b"", LWAUnavailableError),
        (302, b"", LWAUnavailableError),
        (200, b'{"access_token":"Atza|access-zzq5","expires_in":', LWAUnavailableError),
        (200, {"access_token": "", "expires_in": 3600}, LWAUnavailableError),
        (200, {"access_token": "Atza|access-zzq5", "expires_in": -1}, LWAUnavailableError),
        (200, {**TOKENS, "token_type": "mac"}, LWAUnavailableError),
        (200, {**TOKENS, "expires_in": "Atza|access-zzq5"}, LWAUnavailableError),
    ],
)
def test_lwa_error_response_raises_the_expected_exception(
    status: int, body: object, expected: type[LWAError]
) -> None:
    with pytest.raises(LWAError) as caught:
        client(answering(status, body)).refresh(REFRESH, NOON)
    assert type(caught.value) is expected
    assert_tells_nothing(caught.value)


def test_a_rejected_code_is_not_a_revocation() -> None:
    with pytest.raises(CodeRejectedError) as caught:
        client(
            answering(400, {"error": "invalid_grant", "error_description": "invalid : code"})
        ).exchange_code(CODE, BACK, NOON)
    assert_tells_nothing(caught.value)


def test_token_response_without_refresh_token_is_refused() -> None:
    with pytest.raises(LWAUnavailableError):
        client(answering(200, {**TOKENS, "refresh_token": None})).exchange_code(CODE, BACK, NOON)


def test_lwa_misconfigured_error_contains_only_amazons_error_code() -> None:
    with pytest.raises(LWAMisconfiguredError) as caught:
        client(
            answering(400, {"error": "unauthorized_client", "error_description": "zzq2"})
        ).refresh(REFRESH, NOON)
    assert caught.value.code == "unauthorized_client"
    with pytest.raises(LWAMisconfiguredError) as strange:
        client(answering(400, {"error": "Atzr|refresh-zzq2 is bad"})).refresh(REFRESH, NOON)
    assert strange.value.code == "-"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("17", 17.0), ("999999", 3600.0), ("Mon, 23 Nov 2026 12:00:00 GMT", None), (None, None)],
)
def test_retry_after_header_of_a_503_response_is_parsed(
    header: str | None, expected: float | None
) -> None:
    with pytest.raises(LWAUnavailableError) as caught:
        client(answering(503, b"", {"retry-after": header} if header else None)).refresh(
            REFRESH, NOON
        )
    assert caught.value.retry_after == expected


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.DecodingError],
)
def test_network_failure_of_a_token_refresh_raises_lwa_unavailable_error(
    failure: type[httpx.RequestError],
) -> None:
    def amazon(request: httpx.Request) -> httpx.Response:
        raise failure("broken", request=request)

    with pytest.raises(LWAUnavailableError) as caught:
        client(amazon).refresh(REFRESH, NOON)
    assert_tells_nothing(caught.value)
    gc.collect()


def test_endless_token_response_is_refused() -> None:
    with pytest.raises(LWAUnavailableError) as caught:
        client(answering(200, b'{"access_token":"' + b"x" * 200_000)).refresh(REFRESH, NOON)
    assert caught.value.code == "too_large"


def test_a_redirect_is_not_followed() -> None:
    requested: list[str] = []

    def amazon(request: httpx.Request) -> httpx.Response:
        requested.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(LWAUnavailableError):
        client(amazon).refresh(REFRESH, NOON)
    assert requested == ["api.amazon.com"]


def test_the_http_library_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client(answering(200, TOKENS)).refresh(REFRESH, NOON)
    assert caplog.records == []
    assert logging.getLogger("httpx").level == logging.WARNING
    assert logging.getLogger("httpcore").level == logging.WARNING
