"""What a browser session stores during a request at the provider.

The random values of the request, and then the identity that the person has to confirm before it is
linked.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import MutableMapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils.crypto import constant_time_compare

from theseller.accounts.mfa.session_proofs import within
from theseller.accounts.oidc.types import BegunRequest, Purpose, Refusal, SsoRefusedError

#: How long a person may take at the provider.
VALID_FOR = timedelta(minutes=10)
_BEGUN, _FOUND = "oidc_request", "oidc_found"


def begin(
    session: MutableMapping[str, Any], purpose: Purpose, *, person: str, onward: str, at: datetime
) -> BegunRequest:
    """Store a new request, which ends an earlier one.

    Its random values have 256 bits each.
    """
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    request = BegunRequest(state, nonce, verifier, purpose, person, onward)
    session[_BEGUN] = asdict(request) | {"at": at.isoformat()}
    return request


def take(session: MutableMapping[str, Any], state: str, *, at: datetime) -> BegunRequest:
    """Return the request that a response answers, which ends it.

    A response with another state ends nothing: anyone can send a browser here.

    Raises:
        SsoRefusedError: none was begun here, or too long ago.
    """
    stored = session.get(_BEGUN)
    if not isinstance(stored, dict) or not constant_time_compare(stored["state"], state):
        raise SsoRefusedError(Refusal.STATE)
    del session[_BEGUN]
    values = dict(stored)
    if not within(datetime.fromisoformat(values.pop("at")), at, VALID_FOR):
        raise SsoRefusedError(Refusal.STATE, "expired")
    return BegunRequest(**(values | {"purpose": Purpose(values["purpose"])}))


def challenge_of(request: BegunRequest) -> str:
    """Return the code challenge of PKCE by S256 (RFC 7636)."""
    digest = hashlib.sha256(request.verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def store_found(session: MutableMapping[str, Any], subject: str, *, at: datetime) -> None:
    """Store which identity the person has to confirm before it is linked."""
    session[_FOUND] = {"subject": subject, "at": at.isoformat()}


def take_found(session: MutableMapping[str, Any], *, at: datetime) -> str:
    """Return the subject that the person confirms.

    Raises:
        SsoRefusedError: there is none, or it is too old.
    """
    stored = session.pop(_FOUND, None)
    if not isinstance(stored, dict) or not within(
        datetime.fromisoformat(stored["at"]), at, VALID_FOR
    ):
        raise SsoRefusedError(Refusal.STATE, "confirmation")
    return str(stored["subject"])
