"""The words of this slice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class FactorKind(StrEnum):
    """What a person proves with, besides the password."""

    AUTHENTICATOR = "authenticator"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"

    @property
    def label(self) -> str:
        return {
            "authenticator": "Authenticator app",
            "passkey": "Passkey",
            "recovery_code": "Recovery code",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor that counts: an app that a code has confirmed, a passkey, or a set of recovery codes with `left` unused ones."""

    id: UUID
    kind: FactorKind
    name: str
    added_at: datetime
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """That `person` used `factor` at `at`. It is valid while the factor exists, in the session in which it was given."""

    person: UUID
    factor: UUID
    kind: FactorKind
    at: datetime


class RefusedError(Exception):
    """The proof is none. Its text is for the person, says what to do, and does not say which check failed."""


class CannotRemoveError(Exception):
    """The factor has to stay; the text says why."""
