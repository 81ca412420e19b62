"""How a session stands at the door of the operator's area. One function decides, for the guard of the pages and for the probe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from theseller.accounts.mfa.proofs import IDLE_AT_MOST, PROOF_LASTS, STEP_UP_WITHIN, proven, seen_at, within
from theseller.accounts.mfa.queries import has_factor
from theseller.accounts.queries import is_operator


class Standing(StrEnum):
    """Where somebody at the door belongs."""

    STRANGER = "stranger"  # no operator: for them the area does not exist
    NO_FACTOR = "no_factor"  # must set one up first
    UNPROVEN = "unproven"  # has not proven it in this session, or too long ago
    IDLE = "idle"  # was away for too long
    STALE = "stale"  # the act asks for a fresh proof
    INSIDE = "inside"


def standing(person: UUID, session: Mapping[str, Any], *, at: datetime, step_up: bool, using: str | None = None) -> Standing:
    """Say how `person` stands with this session at `at`. Read anew at each request: what was taken away a second ago is gone now."""
    if not is_operator(person, using=using):
        return Standing.STRANGER
    if not has_factor(person, using=using):
        return Standing.NO_FACTOR
    if not proven(person, session, at=at, longest=PROOF_LASTS, using=using):
        return Standing.UNPROVEN
    if not within(seen_at(session), at, IDLE_AT_MOST):
        return Standing.IDLE
    if step_up and not proven(person, session, at=at, longest=STEP_UP_WITHIN, using=using):
        return Standing.STALE
    return Standing.INSIDE
