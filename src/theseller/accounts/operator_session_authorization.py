"""Decide whether a session may act as an operator, or what it lacks.

It is decided in one place for the guard and the probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from theseller.accounts.mfa.queries import has_factor
from theseller.accounts.mfa.session_proofs import (
    IDLE_MAX,
    PROOF_VALID_FOR,
    STEP_UP_WITHIN,
    last_active_at,
    proven,
    within,
)
from theseller.accounts.queries import is_operator


class OperatorAuthState(StrEnum):
    """Authentication state of a session in the operator area."""

    NOT_OPERATOR = "not_operator"  # gets 404
    NO_FACTOR = "no_factor"  # must set one up first
    NOT_PROVEN = "unproven"  # has not proven it in this session, or too long ago
    IDLE = "idle"  # was away for too long
    STEP_UP_NEEDED = "stale"  # the act asks for a fresh proof
    AUTHENTICATED = "inside"


def operator_auth_state(
    person: UUID,
    session: Mapping[str, Any],
    *,
    at: datetime,
    step_up: bool,
    using: str | None = None,
) -> OperatorAuthState:
    """Return the authentication state of `person` with `session` at `at`.

    Rights and factors are read at each request, so a removal takes effect at once.
    """
    if not is_operator(person, using=using):
        return OperatorAuthState.NOT_OPERATOR
    if not has_factor(person, using=using):
        return OperatorAuthState.NO_FACTOR
    if not proven(person, session, at=at, longest=PROOF_VALID_FOR, using=using):
        return OperatorAuthState.NOT_PROVEN
    if not within(last_active_at(session), at, IDLE_MAX):
        return OperatorAuthState.IDLE
    if step_up and not proven(person, session, at=at, longest=STEP_UP_WITHIN, using=using):
        return OperatorAuthState.STEP_UP_NEEDED
    return OperatorAuthState.AUTHENTICATED
