"""Attempts to prove a second factor: challenge, limit, check, redirect.

The views use it: WebAuthn challenges in the session, one limited attempt at a proof, and whether
there is a recent one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy

from theseller.accounts.mfa import operations, passkeys
from theseller.accounts.mfa.queries import has_factor
from theseller.accounts.mfa.session_proofs import STEP_UP_WITHIN, proven, within
from theseller.accounts.mfa.types import FactorKind, Proof, RefusedError
from theseller.accounts.models import Passkey, User
from theseller.accounts.sign_in_rate_limits import SECOND_FACTOR, limits, own_subject
from theseller.edge.rate_limits import Allowed, RetryAfter, check, refill

#: How long a browser may take to answer.
CHALLENGE_VALID_FOR = timedelta(minutes=5)
_CHALLENGE, _PASSWORD_AT = "passkey_question", "password_at"
#: URLs that change or send something and show no page, and the page that each is used from.
_PAGE_OF_ACTION = {
    "remove-factor": "accounts:security",
    "recovery-codes": "accounts:security",
    "transfer-ownership": "account-deletion:delete-account",
    "export": "privacy:data-inventory",
    "member-role": "accounts:members",
    "member-ownership": "accounts:members",
    "remove-member": "accounts:members",
    "withdraw-invitation": "accounts:members",
}
_CHALLENGE_EXPIRED = RefusedError(
    gettext_lazy("That took too long, or was started again in another tab. Try again.")
)


def current_user(request: HttpRequest) -> User:
    """Return the signed-in person as our own model."""
    return cast(User, request.user)


def session_key(request: HttpRequest) -> str:
    """Return the key of the current session.

    A change of factors keeps this session when it ends the person's others.
    """
    return request.session.session_key or ""


def safe_next(request: HttpRequest, usual: str) -> str:
    """Return the requested next URL if it is ours; else `usual`."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return (
        wanted
        if url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, require_https=request.is_secure()
        )
        else usual
    )


def allowance(request: HttpRequest, person: User, at: datetime) -> Allowed | RetryAfter:
    """Count one attempt to prove a second factor, or the password without one."""
    return check(request, SECOND_FACTOR, limits(request, SECOND_FACTOR, person.email), at)


def note_password(request: HttpRequest, at: datetime) -> None:
    """Store in the session when the password was given."""
    request.session[_PASSWORD_AT] = at.isoformat()


def recently_proven(request: HttpRequest, at: datetime) -> bool:
    """Return whether the person gave a proof in the last five minutes.

    The proof is a second factor, or a sign-in at the identity provider, or the password while they
    have no second factor.
    """
    person = current_user(request)
    if proven(person.pk, request.session, at=at, longest=STEP_UP_WITHIN):
        return True
    if has_factor(person.pk):
        return False
    try:
        given = datetime.fromisoformat(request.session.get(_PASSWORD_AT, ""))
    except (TypeError, ValueError):
        return False
    return within(given, at, STEP_UP_WITHIN)


def redirect_to_proof(request: HttpRequest) -> HttpResponse:
    """Redirect the person to a proof, and back to where they can start again.

    Nothing has been changed.
    """
    found = request.resolver_match
    page = _PAGE_OF_ACTION.get((found.url_name or "") if found else "remove-factor")
    back = reverse(page) if page else request.path
    # Where they were going after all of it is carried through.
    onward = safe_next(request, "")
    back += f"?{urlencode({'next': onward})}" if onward else ""
    query = urlencode({"next": back, "why": "again" if page else "stale"})
    return redirect(f"{reverse('accounts:second-factor')}?{query}")


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
    if not known or not passkeys.supported_at(request):
        return ""
    options, state = passkeys.authentication_options(request, known)
    store_challenge(request, f"prove:{person}", state, at)
    return options


def verify_factor(request: HttpRequest, person: User, at: datetime) -> Proof:
    """Verify the second factor in the form of `person`.

    Raises:
        RefusedError: it is not valid. The refusal has been recorded.
    """
    try:
        proof = _proof(request, person.pk, at)
    except RefusedError:
        operations.note_refusal(person=person.pk, at=at)
        raise
    # Only failures count: an operator proves a factor many times a day.
    refill(SECOND_FACTOR, own_subject(request, person.email))
    return proof


def _proof(request: HttpRequest, person: UUID, at: datetime) -> Proof:
    answer = request.POST.get("answer", "")
    if not answer:
        return operations.prove_by_code(
            person=person, code=request.POST.get("code", "")[:60], at=at
        )
    state, issued_at = take_challenge(request, f"prove:{person}", at)
    checked = passkeys.verify_authentication(request, state, answer, known_passkeys(person))
    return operations.prove_by_passkey(person=person, answer=checked, issued_at=issued_at, at=at)


def used_recovery_code(proof: Proof) -> bool:
    """Return whether the proof was a recovery code."""
    return proof.kind is FactorKind.RECOVERY_CODE
