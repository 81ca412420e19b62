"""The proof of a second factor in a session, and how long it is valid."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from theseller.accounts.mfa.queries import factor_exists
from theseller.accounts.mfa.types import FactorKind, Proof

#: How long an operator works on one proof, how long they may be away meanwhile, and how fresh it
#: must be for a dangerous act.
PROOF_VALID_FOR = timedelta(hours=12)
IDLE_MAX = timedelta(minutes=30)
STEP_UP_WITHIN = timedelta(minutes=5)

#: Clocks of machines that serve the same session differ by less.
_SKEW = timedelta(seconds=5)
#: Activity is stored once a minute, not at every request.
_ACTIVITY_INTERVAL = timedelta(minutes=1)
_PROOF, _ACTIVE_AT = "second_factor", "operated_at"


def store_proof(request: HttpRequest, proof: Proof, *, seen: datetime | None = None) -> None:
    """Store the proof in the session, under a new session key.

    The new key prevents session fixation. `seen` is when the person was last active: by default at
    the proof.
    """
    request.session.cycle_key()
    for name, value in session_content(proof, seen or proof.at).items():
        request.session[name] = value


def session_content(proof: Proof, seen: datetime) -> dict[str, Any]:
    """Return the session content that carries `proof`.

    `seen` is when the operator was last active.
    """
    proof_content = {
        "person": str(proof.person),
        "factor": str(proof.factor),
        "kind": proof.kind.value,
        "at": proof.at.isoformat(),
    }
    return {_PROOF: proof_content, _ACTIVE_AT: seen.isoformat()}


def proof_in(session: Mapping[str, Any]) -> Proof | None:
    """Return the proof that a session carries; None if it has no valid one."""
    stored: Any = session.get(_PROOF)
    try:
        return Proof(
            UUID(stored["person"]),
            UUID(stored["factor"]),
            FactorKind(stored["kind"]),
            datetime.fromisoformat(stored["at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def within(earlier: datetime | None, at: datetime, longest: timedelta) -> bool:
    """Return whether `earlier` is less than `longest` before `at`.

    It may be up to five seconds after `at`, for clocks that differ. False if it has no time zone.
    """
    return earlier is not None and earlier.tzinfo is not None and -_SKEW <= at - earlier < longest


def proven(
    person: UUID,
    session: Mapping[str, Any],
    *,
    at: datetime,
    longest: timedelta,
    using: str | None = None,
) -> bool:
    """Return whether the session proves a second factor of `person`.

    The proof was given less than `longest` ago, and the factor is still theirs.
    """
    proof = proof_in(session)
    return (
        proof is not None
        and proof.person == person
        and within(proof.at, at, longest)
        and factor_exists(proof.factor, proof.kind, person, using=using)
    )


def last_active_at(session: Mapping[str, Any]) -> datetime | None:
    """Return when the operator of this session was last active, to the minute."""
    try:
        return datetime.fromisoformat(session.get(_ACTIVE_AT, ""))
    except (TypeError, ValueError):
        return None


def note_activity(session: MutableMapping[str, Any], at: datetime) -> None:
    """Store that the operator is active; at most once a minute."""
    last = last_active_at(session)
    if last is None or at - last >= _ACTIVITY_INTERVAL:
        session[_ACTIVE_AT] = at.isoformat()
