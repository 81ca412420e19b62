"""Passkeys: challenges to authenticators and the check of responses.

WebAuthn level 3, by the library `fido2`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from theseller.accounts.mfa.types import RefusedError

SERVICE = "TheSeller"
_ANSWER_LENGTH_MAX = 16_384
T = TypeVar("T")
_REFUSED = gettext_lazy("This passkey was not accepted. Try again, or use another second factor.")


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """A verified response: which credential, and its counter.

    The counter is 0 for authenticators that have none.
    """

    credential_id: bytes
    credential: bytes
    sign_count: int


def supported_at(request: HttpRequest) -> bool:
    """Return whether browsers allow passkeys at this address.

    They need a host name, and https or this machine.
    """
    name = _name(request)
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return request.is_secure() or name == "localhost"
    return False


def registration_options(
    request: HttpRequest, person: UUID, email: str, name: str, known: Sequence[bytes]
) -> tuple[str, dict[str, Any]]:
    """Return the options and the state for the creation of a passkey.

    Args:
        request: the current request.
        person: the user's id.
        email: the user's address, shown by authenticators.
        name: the user's name, shown by authenticators.
        known: stored credentials, which are not created again.

    Returns:
        (options for the browser as JSON, state to store for the check of the response).
    """
    user = PublicKeyCredentialUserEntity(id=person.bytes, name=email, display_name=name)
    options, state = _server(request).register_begin(
        user,
        [AttestedCredentialData(one) for one in known],
        # Possession and user verification: a PIN, a fingerprint or a face. Else a stolen key
        # would be enough beside the password.
        user_verification=UserVerificationRequirement.REQUIRED,
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
    )
    return json.dumps(dict(options.public_key)), dict(state)


def authentication_options(
    request: HttpRequest, known: Sequence[bytes]
) -> tuple[str, dict[str, Any]]:
    """Return the options and the state for a proof by a known passkey.

    Returns:
        (options for the browser as JSON, state to store for the check of the response).
    """
    credentials = [AttestedCredentialData(one) for one in known]
    options, state = _server(request).authenticate_begin(
        credentials, user_verification=UserVerificationRequirement.REQUIRED
    )
    return json.dumps(dict(options.public_key)), dict(state)


def verify_registration(
    request: HttpRequest, state: Mapping[str, Any], answer: str
) -> VerifiedCredential:
    """Verify the response to `registration_options`.

    Raises:
        RefusedError: it is not valid.
    """
    data = _checked(lambda: _server(request).register_complete(state, _parsed(answer)))
    credential = data.credential_data
    if credential is None:
        raise RefusedError(_REFUSED)
    return VerifiedCredential(credential.credential_id, bytes(credential), data.counter)


def verify_authentication(
    request: HttpRequest, state: Mapping[str, Any], answer: str, known: Sequence[bytes]
) -> VerifiedCredential:
    """Verify the response to `authentication_options`.

    Raises:
        RefusedError: it is not valid.
    """

    def check() -> tuple[AttestedCredentialData, AuthenticatorData]:
        given = AuthenticationResponse.from_dict(_parsed(answer))
        credentials = [AttestedCredentialData(one) for one in known]
        return (
            _server(request).authenticate_complete(state, credentials, given),
            given.response.authenticator_data,
        )

    credential, data = _checked(check)
    return VerifiedCredential(credential.credential_id, bytes(credential), data.counter)


def _server(request: HttpRequest) -> Fido2Server:
    origin = f"{request.scheme}://{request.get_host()}"
    return Fido2Server(
        PublicKeyCredentialRpEntity(name=SERVICE, id=_name(request)),
        verify_origin=lambda given: given == origin,
    )


def _name(request: HttpRequest) -> str:
    host = request.get_host()
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > _ANSWER_LENGTH_MAX:
        raise ValueError("too long")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _checked(check: Callable[[], T]) -> T:
    try:
        return check()
    # untrusted bytes may fail in any way inside the parsers; none of them is a proof
    except Exception:  # noqa: BLE001
        raise RefusedError(_REFUSED) from None
