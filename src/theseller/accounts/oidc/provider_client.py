"""Call the identity provider: its metadata, its keys, and tokens.

Requests are made by the one HTTP client, which follows no redirect and gives up in time. Metadata
and keys are kept in this process for an hour; unknown keys make it read them again once a minute.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from theseller.accounts.oidc.begun_requests import challenge_of
from theseller.accounts.oidc.types import BegunRequest, OidcSettings, Refusal, SsoRefusedError
from theseller.amazon.transport import TransportError, ask, new_http
from theseller.crypto.json_web_token_verification import PublicKeys, read_public_keys
from theseller.lib.secret_type import Secret

#: Bytes of an answer, and seconds for a whole call.
ANSWER_BYTES_MAX, CALL_SECONDS = 256 * 1024, 10.0
KEPT_FOR, REFRESHED_AFTER = timedelta(hours=1), timedelta(minutes=1)
_SCOPE = "openid"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider publishes about itself, and its keys."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    secret_in_body: bool
    names_issuer: bool
    keys: PublicKeys
    read_at: datetime


_lock = Lock()
_known: dict[OidcSettings, Provider] = {}


def provider(settings: OidcSettings, *, at: datetime, newer_keys: bool = False) -> Provider:
    """Return the provider, from memory or by asking it.

    Args:
        settings: which provider.
        at: now.
        newer_keys: whether a token named a key that is not known.

    Raises:
        SsoRefusedError: it does not answer, or not as it should.
    """
    with _lock:
        found = _known.get(settings)
    if found is not None:
        age = at - found.read_at
        if age < (REFRESHED_AFTER if newer_keys else KEPT_FOR):
            return found
    found = _read(settings, at)
    with _lock:
        _known.clear()  # There is one provider: nothing else is worth keeping.
        _known[settings] = found
    return found


def expire_provider() -> None:
    """Have the next request ask the provider again."""
    with _lock:
        _known.clear()


def authorization_url(
    found: Provider, settings: OidcSettings, request: BegunRequest, *, back: str, max_age: timedelta
) -> str:
    """Return where the person's browser goes.

    The request is that of OpenID Connect Core 1.0, section 3.1.2.1.

    Args:
        found: the provider.
        settings: this deployment's settings of it.
        request: the request that was begun.
        back: the URL of ours that it leads back to.
        max_age: how old the person's proof there may be; zero for a new one.
    """
    values = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": back,
        "scope": _SCOPE,
        "state": request.state,
        "nonce": request.nonce,
        "code_challenge": challenge_of(request),
        "code_challenge_method": "S256",
        "max_age": str(int(max_age.total_seconds())),
    }
    if settings.acr:
        values["acr_values"] = " ".join(settings.acr)
    if not max_age:
        values["prompt"] = "login"
    joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
    return f"{found.authorization_endpoint}{joint}{urlencode(values)}"


def id_token(
    found: Provider,
    settings: OidcSettings,
    request: BegunRequest,
    *,
    code: str,
    secret: Secret,
    back: str,
) -> str:
    """Exchange an authorization code for an ID token. No other token is kept.

    Raises:
        SsoRefusedError: the provider refused the code, or does not answer.
    """
    values = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": settings.client_id,
        "code_verifier": request.verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if found.secret_in_body:
        values["client_secret"] = secret.reveal()
    else:  # RFC 6749, section 2.3.1: both are encoded as in a form first.
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret.reveal())}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    status, answer = _call(settings, found.token_endpoint, urlencode(values).encode(), headers)
    token = answer.get("id_token")
    if status != 200 or not isinstance(token, str):
        raise SsoRefusedError(Refusal.CODE, f"status_{status}")
    return token


def _read(settings: OidcSettings, at: datetime) -> Provider:
    address = f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration"
    status, answer = _call(settings, address)
    endpoints = [answer.get(name) for name in _ENDPOINTS]
    if status != 200 or answer.get("issuer") != settings.issuer:
        raise SsoRefusedError(Refusal.PROVIDER, "metadata")
    if not all(isinstance(one, str) and _is_allowed(one, settings) for one in endpoints):
        raise SsoRefusedError(Refusal.PROVIDER, "endpoint")
    authorization, token, jwks = (str(one) for one in endpoints)
    status, document = _call(settings, jwks)
    try:
        keys = read_public_keys(document if status == 200 else None)
    except ValueError:
        raise SsoRefusedError(Refusal.PROVIDER, "keys") from None
    methods = answer.get("token_endpoint_auth_methods_supported")
    return Provider(
        settings.issuer,
        authorization,
        token,
        jwks,
        secret_in_body=isinstance(methods, list) and "client_secret_basic" not in methods,
        names_issuer=answer.get("authorization_response_iss_parameter_supported") is True,
        keys=keys,
        read_at=at,
    )


def _is_allowed(address: str, settings: OidcSettings) -> bool:
    """Return whether an endpoint has a listed host and the right scheme."""
    issuer = urlsplit(settings.issuer)
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    at_issuer = (host, port) == ((issuer.hostname or "").lower(), issuer.port)
    return (
        re.fullmatch(r"[!-~]+", address) is not None
        and parts.scheme == issuer.scheme
        and parts.username is None
        and not parts.fragment
        and (at_issuer or (host in settings.hosts and port is None))
    )


def _call(
    settings: OidcSettings,
    address: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, Any]]:
    """Return the status and the JSON object of an answer.

    The object is empty if the answer is none.

    Raises:
        SsoRefusedError: no answer came in time.
    """
    failure, answer = "", None
    with new_http(ca_file=settings.ca_file) as http:
        request = http.build_request(
            "GET" if body is None else "POST",
            address,
            content=body,
            headers={"Accept": "application/json", **(headers or {})},
        )
        try:
            answer = ask(http, request, limit=ANSWER_BYTES_MAX, seconds=CALL_SECONDS)
        except TransportError as error:
            failure = error.failure.value
    if answer is None:  # Outside of the block: httpx errors hold the request, and so the secret.
        raise SsoRefusedError(Refusal.PROVIDER, failure)
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    return answer.status, found if isinstance(found, dict) else {}
