"""What the pages of second factors share: questions to passkeys kept in the session, who may change what, and one try at a proof."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from theseller.accounts.mfa import operations, passkeys
from theseller.accounts.mfa.proofs import STEP_UP_WITHIN, proven, within
from theseller.accounts.mfa.queries import has_factor
from theseller.accounts.mfa.types import FactorKind, Proof, RefusedError
from theseller.accounts.models import Passkey, User
from theseller.accounts.rate_limits import SECOND_FACTOR, limits, own_subject
from theseller.edge.ratelimit import Allowed, RetryAfter, check, refill

#: How long a browser may take to answer.
CHALLENGE_VALID_FOR = timedelta(minutes=5)
_CHALLENGE, _PASSWORD_AT = "passkey_question", "password_at"
#: Addresses that change or send something and show no page, and the page that each is used from.
_PAGE_OF_ACTION = {
    "remove-factor": "accounts:security",
    "recovery-codes": "accounts:security",
    "transfer-ownership": "account-deletion:delete-account",
    "export": "privacy:data-inventory",
}
_CHALLENGE_EXPIRED = RefusedError(
    "That took too long, or was started again in another tab. Try again."
)


def current_user(request: HttpRequest) -> User:
    return cast(User, request.user)


def session_key(request: HttpRequest) -> str:
    """Return the key of the session that a change is made in, which goes on when the person's others end."""
    return request.session.session_key or ""


def safe_next(request: HttpRequest, usual: str) -> str:
    """Return where the person was going, if that is an address of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return (
        wanted
        if url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, require_https=request.is_secure()
        )
        else usual
    )


def allowance(request: HttpRequest, person: User, at: datetime) -> Allowed | RetryAfter:
    """Take one try at proving a second factor, or the password where there is none."""
    return check(request, SECOND_FACTOR, limits(request, SECOND_FACTOR, person.email), at)


def note_password(request: HttpRequest, at: datetime) -> None:
    """Remember when the password was given."""
    request.session[_PASSWORD_AT] = at.isoformat()


def recently_proven(request: HttpRequest, at: datetime) -> bool:
    """Say whether the person proved themselves in the last five minutes: by a second factor, or by the password while they have none."""
    person = current_user(request)
    if has_factor(person.pk):
        return proven(person.pk, request.session, at=at, longest=STEP_UP_WITHIN)
    try:
        given = datetime.fromisoformat(request.session.get(_PASSWORD_AT, ""))
    except (TypeError, ValueError):
        return False
    return within(given, at, STEP_UP_WITHIN)


def redirect_to_proof(request: HttpRequest) -> HttpResponse:
    """Send the person to prove themselves and back to where they can begin again. Nothing has been changed."""
    found = request.resolver_match
    page = _PAGE_OF_ACTION.get((found.url_name or "") if found else "remove-factor")
    back = reverse(page) if page else request.path
    # Where they were going after all of it is carried through.
    onward = safe_next(request, "")
    back += f"?{urlencode({'next': onward})}" if onward else ""
    return redirect(
        f"{reverse('accounts:second-factor')}?{urlencode({'next': back, 'why': 'again' if page else 'stale'})}"
    )


def known_passkeys(person: UUID) -> list[bytes]:
    return [
        bytes(one)
        for one in Passkey.objects.filter(user_id=person).values_list("credential", flat=True)
    ]


def store_challenge(
    request: HttpRequest, purpose: str, state: dict[str, Any], at: datetime
) -> None:
    """Keep what a question to a passkey was, for the check of its answer."""
    request.session[_CHALLENGE] = {"purpose": purpose, "state": state, "at": at.isoformat()}


def take_challenge(
    request: HttpRequest, purpose: str, at: datetime
) -> tuple[dict[str, Any], datetime]:
    """Take the question out of the session. Raises RefusedError if there is none for this purpose, or it is too old."""
    held = request.session.pop(_CHALLENGE, None)
    if not isinstance(held, dict) or held.get("purpose") != purpose:
        raise _CHALLENGE_EXPIRED
    asked_at = datetime.fromisoformat(held["at"])
    if not within(asked_at, at, CHALLENGE_VALID_FOR):
        raise _CHALLENGE_EXPIRED
    return held["state"], asked_at


def passkey_challenge(request: HttpRequest, person: UUID, at: datetime) -> str:
    """Ask for a proof by one of the person's passkeys; return the question for the browser, "" where passkeys can't be used."""
    known = known_passkeys(person)
    if not known or not passkeys.supported_at(request):
        return ""
    options, state = passkeys.authentication_options(request, known)
    store_challenge(request, f"prove:{person}", state, at)
    return options


def verify_factor(request: HttpRequest, person: User, at: datetime) -> Proof:
    """Take what the form brought as a second factor of `person`. Raises RefusedError, after writing that down."""
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
    state, asked_at = take_challenge(request, f"prove:{person}", at)
    checked = passkeys.verify_authentication(request, state, answer, known_passkeys(person))
    return operations.prove_by_passkey(person=person, answer=checked, asked_at=asked_at, at=at)


def used_recovery_code(proof: Proof) -> bool:
    return proof.kind is FactorKind.RECOVERY_CODE
