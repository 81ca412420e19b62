"""Login with Amazon: POST /auth/o2/token, as a form or as JSON.

Amazon accepts both, and its own Java client sends JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.fault_injection import BEFORE, HTML_ERROR, SilentResponse, apply_fault
from theseller.lib.ids import new_id

OPERATION = "lwa.token"
_SCOPES = frozenset(
    {
        "sellingpartnerapi::notifications",
        "sellingpartnerapi::client_credential:rotation",
        "sellingpartnerapi::shipments:track",
    }
)
_REVOKED = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't"
    " grant the permission."
)
_SPOILING = frozenset({"slow", "truncate", "malformed_json", "unknown_field"})


class LwaError(Exception):
    """A refused token request: HTTP status, error code and description."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status, self.error, self.description = status, error, description


async def token(request: Request) -> Response:
    """Answer a token request.

    The call is counted for the refresh token's seller even when the request is refused.
    """
    emulator: Emulator = request.app.state.emulator
    at = emulator.now()
    kind = emulator.faults.draw(OPERATION, BEFORE)
    seller = ""
    response: Response
    if kind == "timeout":
        response = SilentResponse(status_code=504)
    elif kind == "html_error":
        response = Response(HTML_ERROR, 400, media_type="text/html")
    elif kind:
        status, error = {"throttle": (429, "slow_down"), "error500": (500, "server_error")}.get(
            kind, (503, "temporarily_unavailable")
        )
        response = _refusal(LwaError(status, error, "Please try again later"))
    else:
        try:
            seller, body = _grant(emulator, await _fields(request))
            response = JSONResponse(body)
        except LwaError as error:
            response = _refusal(error)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    emulator.count(seller, OPERATION, response.status_code, at)
    return await apply_fault(emulator.faults.draw(OPERATION, _SPOILING), response, "")


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of the request's form or JSON object.

    Raises:
        LwaError: the request has another content type or another shape.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind == "application/x-www-form-urlencoded":
        return {key: str(value) for key, value in (await request.form()).items()}
    if kind != "application/json":
        raise LwaError(
            400,
            "invalid_request",
            "The Content-Type must be application/x-www-form-urlencoded or application/json",
        )
    try:
        data = json.loads(await request.body())
    except ValueError:
        data = None
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise LwaError(400, "invalid_request", "The request body is malformed")
    return data


def _refusal(error: LwaError) -> Response:
    """Return Amazon's refusal as an HTTP response.

    It has the two fields of RFC 6749, and with status 400 also an index and a request ID.
    """
    request_id = str(new_id())
    body = {"error": error.error, "error_description": error.description}
    if error.status == 400:
        body |= {"error_index": "", "request_id": request_id}
    return JSONResponse(body, error.status, {"x-amzn-RequestId": request_id})


def _needed(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise LwaError(
            400, "invalid_request", f"The request is missing a required parameter : {name}"
        )
    return value


def _grant(emulator: Emulator, form: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the seller ("" if none) and the token answer. Raises LwaError."""
    application, at = emulator.config.application, emulator.now()
    grant_type = _needed(form, "grant_type")
    client_id, secret = _needed(form, "client_id"), _needed(form, "client_secret")
    if client_id != application.client_id or not emulator.state.secret_valid(
        secret, application.client_secrets, at
    ):
        raise LwaError(401, "invalid_client", "Client authentication failed")
    answer: dict[str, Any] = {"token_type": "bearer", "expires_in": 3600}
    if grant_type == "authorization_code":
        code = _needed(form, "code")
        redirect_uri = (
            _needed(form, "redirect_uri")
            if emulator.state.names_redirect(code)
            else form.get("redirect_uri", "")
        )
        redeemed = (
            emulator.state.redeem(code, redirect_uri, client_id, at)
            if redirect_uri in {"", *application.redirect_uris}
            else None
        )
        if redeemed is None:
            raise LwaError(
                400, "invalid_grant", "The request has an invalid grant parameter : code"
            )
        access, refresh = redeemed
        record = emulator.state.access(access)
        return record["seller"] if record else "", {
            "access_token": access,
            "refresh_token": refresh,
            **answer,
        }
    if grant_type == "refresh_token":
        refresh = _needed(form, "refresh_token")
        living = emulator.state.grant(refresh, at)
        if living is None:
            raise LwaError(400, "invalid_grant", _REVOKED)
        if living["client_id"] != client_id:
            raise LwaError(
                400,
                "unauthorized_client",
                "The client is not authorized to use this authorization grant type",
            )
        return living["seller"], {
            "access_token": emulator.state.refresh(living, at),
            "refresh_token": refresh,
            **answer,
        }
    if grant_type == "client_credentials":
        scope = _needed(form, "scope")
        if scope not in _SCOPES:
            raise LwaError(400, "invalid_scope", "The request has an invalid scope : scope")
        return "", {"access_token": emulator.state.grantless(at), "scope": scope, **answer}
    raise LwaError(
        400,
        "unsupported_grant_type",
        "The authorization grant type is not supported by the authorization server",
    )
