"""The lines of the operator's overview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from theseller.accounts.mfa.types import Factor
from theseller.key_rotation.types import SecretState
from theseller.lib.translation_marks import MarkedText


@dataclass(frozen=True, slots=True)
class SecretLine:
    """One secret, or `count` keys that differ only in their ID.

    For several keys `made_at` is the oldest's and `due_at` the first.
    """

    name: str
    kind: str
    count: int
    made_at: datetime | None
    due_at: datetime | None
    state: SecretState
    how: MarkedText
    under_way: str
    age: timedelta | None

    @property
    def tone(self) -> str:
        """Return the word of the badge's colour."""
        return (
            "bad"
            if self.state.red
            else {SecretState.DUE: "warn", SecretState.FRESH: "good"}.get(self.state, "none")
        )


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """One operator with their second factors.

    `codes_left` is None if they never made recovery codes.
    """

    person: UUID
    name: str
    email: str
    since: datetime
    granted_by: str
    factors: tuple[Factor, ...]
    codes_left: int | None
