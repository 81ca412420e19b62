"""Login with Amazon: exchange codes and refresh tokens for tokens.

Each way in which that fails has its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import msgspec

from theseller.amazon.endpoints import Endpoints
from theseller.amazon.errors import (
    AuthorizationRevokedError,
    ClientSecretInvalidError,
    CodeRejectedError,
    LWAError,
    LWAMisconfiguredError,
    LWAUnavailableError,
)
from theseller.amazon.json_byte_order_marks import plain_json
from theseller.amazon.transport import Answer, TransportError, ask, retry_after_seconds
from theseller.lib.secret_type import Secret

_LIMIT = 64 * 1024
_SECONDS = 15.0
#: Amazon's access tokens are valid for an hour. A longer time than a day would be a mistake, and is
#: cut.
_LONGEST_LIFE = 86_400


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token for one seller, in memory only.

    `expires_at` is the time (aware UTC) after which Amazon refuses it.
    """

    token: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """The result of a consent: the refresh token and an access token."""

    refresh_token: Secret
    access_token: AccessToken


class _Tokens(msgspec.Struct):
    access_token: Secret
    expires_in: int
    token_type: str = "bearer"  # noqa: S105
    refresh_token: Secret | None = None


class _Refusal(msgspec.Struct):
    """A refusal of the token endpoint.

    `error_description` is left out on purpose: it is free text, and the grant we sent already tells
    a code from a refresh token.
    """

    error: str


def _secret(type_: type, value: object) -> Secret:
    if type_ is not Secret or not isinstance(value, str) or not value:
        raise ValueError("not a token")
    return Secret(value)


_TOKENS = msgspec.json.Decoder(_Tokens, dec_hook=_secret)
_REFUSAL = msgspec.json.Decoder(_Refusal)


class LWAClient:
    """Client of Amazon's token endpoint for one application.

    `client_secrets` returns the secrets that are live now, newest first. For seven days after a
    rotation there are two, and the older one is tried when Amazon refuses the newer.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        client_id: str,
        client_secrets: Callable[[], Sequence[Secret]],
        http: httpx.Client,
    ) -> None:
        self._endpoints = endpoints
        self._client_id = client_id
        self._client_secrets = client_secrets
        self._http = http

    def exchange_code(self, code: Secret, redirect_uri: str, at: datetime) -> Grant:
        """Exchange the code of a consent for tokens.

        `redirect_uri` must be the same that the consent returned to; `at` is the current time.

        Raises:
            CodeRejectedError: the code is not valid.
            ClientSecretInvalidError: none of our client secrets is accepted.
            LWAMisconfiguredError: the request itself is wrong.
            LWAUnavailableError: there is no usable answer.
        """
        operation = "exchangeCode"
        fields = {"grant_type": "authorization_code", "redirect_uri": redirect_uri}
        tokens = self._token(operation, fields, {"code": code}, CodeRejectedError)
        if tokens.refresh_token is None:
            raise LWAUnavailableError(operation, status=200, code="no_refresh_token")
        return Grant(tokens.refresh_token, _access_token(tokens, at))

    def refresh(self, refresh_token: Secret, at: datetime) -> AccessToken:
        """Return a new access token.

        Amazon's refresh token stays the same, so the one in the answer is dropped.

        Raises:
            AuthorizationRevokedError: the refresh token is not valid any more.
            ClientSecretInvalidError: none of our client secrets is accepted.
            LWAMisconfiguredError: the request itself is wrong.
            LWAUnavailableError: there is no usable answer.
        """
        fields = {"grant_type": "refresh_token"}
        return _access_token(
            self._token(
                "refreshToken", fields, {"refresh_token": refresh_token}, AuthorizationRevokedError
            ),
            at,
        )

    def _token(
        self,
        operation: str,
        fields: Mapping[str, str],
        secrets: Mapping[str, Secret],
        on_invalid_grant: type[LWAError],
    ) -> _Tokens:
        for client_secret in self._client_secrets():
            answer = self._post(operation, fields, {**secrets, "client_secret": client_secret})
            if 200 <= answer.status < 300:
                return _decode_tokens(operation, answer)
            code = _refusal_code(operation, answer)
            if code == "invalid_client":
                continue
            if code == "invalid_grant":
                raise on_invalid_grant(operation, status=answer.status, code=code)
            raise LWAMisconfiguredError(operation, status=answer.status, code=code)
        raise ClientSecretInvalidError(operation, code="invalid_client")

    def _post(
        self, operation: str, fields: Mapping[str, str], secrets: Mapping[str, Secret]
    ) -> Answer:
        request = self._http.build_request(
            "POST",
            self._endpoints.lwa_token_url,
            data={
                **fields,
                "client_id": self._client_id,
                **{name: secret.reveal() for name, secret in secrets.items()},
            },
            headers={
                "user-agent": self._endpoints.user_agent,
                "accept": "application/json",
                "accept-encoding": "identity",
            },
        )
        failure: str | None = None
        try:
            return ask(self._http, request, limit=_LIMIT, seconds=_SECONDS)
        except TransportError as error:
            failure = error.failure.value
        raise LWAUnavailableError(operation, code=failure)


def _access_token(tokens: _Tokens, at: datetime) -> AccessToken:
    return AccessToken(
        tokens.access_token, at + timedelta(seconds=min(tokens.expires_in, _LONGEST_LIFE))
    )


def _decode_tokens(operation: str, answer: Answer) -> _Tokens:
    """Return the tokens of an answer.

    An undecodable success is treated as no answer: the decoder's own error could repeat a token, so
    it is not kept.
    """
    tokens: _Tokens | None = None
    try:
        tokens = _TOKENS.decode(plain_json(answer.body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        tokens = None
    if tokens is None or tokens.expires_in <= 0 or tokens.token_type.casefold() != "bearer":
        raise LWAUnavailableError(operation, status=answer.status, code="undecodable")
    return tokens


def _refusal_code(operation: str, answer: Answer) -> str:
    """Return the OAuth error code of a refusal (RFC 6749 §5.2).

    Anything that is not clearly one is an outage, never a revocation.
    """
    code: str | None = None
    if 400 <= answer.status < 500 and answer.status not in {408, 429}:
        try:
            code = _REFUSAL.decode(plain_json(answer.body)).error
        except (msgspec.MsgspecError, ValueError, RecursionError):
            code = None
    if not code:
        raise LWAUnavailableError(
            operation, status=answer.status, retry_after=retry_after_seconds(answer.headers)
        )
    return code
