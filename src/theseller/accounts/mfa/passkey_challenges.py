"""Issue WebAuthn challenges, and store them in the session."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from theseller.accounts.mfa import webauthn_protocol
from theseller.accounts.mfa.session_proofs import within
from theseller.accounts.mfa.types import RefusedError
from theseller.accounts.models import Passkey

#: How long a browser may take to answer.
CHALLENGE_VALID_FOR = timedelta(minutes=5)
_CHALLENGE = "passkey_question"
_CHALLENGE_EXPIRED = RefusedError(
    gettext_lazy("That took too long, or was started again in another tab. Try again.")
)


def known_passkeys(person: UUID) -> list[bytes]:
    """Return the stored credentials of the person's passkeys."""
    return [
        bytes(one)
        for one in Passkey.objects.filter(user_id=person).values_list("credential", flat=True)
    ]


def store_challenge(
    request: HttpRequest, purpose: str, state: dict[str, Any], at: datetime
) -> None:
    """Store a WebAuthn challenge for the check of its response."""
    request.session[_CHALLENGE] = {"purpose": purpose, "state": state, "at": at.isoformat()}


def take_challenge(
    request: HttpRequest, purpose: str, at: datetime
) -> tuple[dict[str, Any], datetime]:
    """Remove the challenge from the session and return it.

    Returns:
        The state of the challenge, and when it was issued.

    Raises:
        RefusedError: there is none for this purpose, or it is too old.
    """
    stored = request.session.pop(_CHALLENGE, None)
    if not isinstance(stored, dict) or stored.get("purpose") != purpose:
        raise _CHALLENGE_EXPIRED
    issued_at = datetime.fromisoformat(stored["at"])
    if not within(issued_at, at, CHALLENGE_VALID_FOR):
        raise _CHALLENGE_EXPIRED
    return stored["state"], issued_at


def passkey_challenge(request: HttpRequest, person: UUID, at: datetime) -> str:
    """Issue a challenge to the person's passkeys.

    Returns:
        The options for the browser as JSON; "" if the person has no passkey or the address does not
            allow them.
    """
    known = known_passkeys(person)
    if not known or not webauthn_protocol.supported_at(request):
        return ""
    options, state = webauthn_protocol.authentication_options(request, known)
    store_challenge(request, f"prove:{person}", state, at)
    return options
