"""Limit and check attempts to prove a second factor."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest

from theseller.accounts.mfa import operations, webauthn_protocol
from theseller.accounts.mfa.passkey_challenges import known_passkeys, take_challenge
from theseller.accounts.mfa.types import FactorKind, Proof, RefusedError
from theseller.accounts.models import User
from theseller.accounts.sign_in_rate_limits import SECOND_FACTOR, limits, own_subject
from theseller.edge.rate_limits import Allowed, RetryAfter, check, refill


def allowance(request: HttpRequest, person: User, at: datetime) -> Allowed | RetryAfter:
    """Count one attempt to prove a second factor.

    A person without a second factor proves the password instead, which counts as well.
    """
    return check(request, SECOND_FACTOR, limits(request, SECOND_FACTOR, person.email), at)


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
    checked = webauthn_protocol.verify_authentication(
        request, state, answer, known_passkeys(person)
    )
    return operations.prove_by_passkey(person=person, answer=checked, issued_at=issued_at, at=at)


def used_recovery_code(proof: Proof) -> bool:
    """Return whether the proof was a recovery code."""
    return proof.kind is FactorKind.RECOVERY_CODE
