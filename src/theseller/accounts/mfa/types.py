"""Values of second factors, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext as _


class FactorKind(StrEnum):
    """What a person proves with, besides the password."""

    AUTHENTICATOR = "authenticator"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"
    OIDC = "oidc"

    @property
    def label(self) -> str:
        """The name of the kind on pages."""
        return {
            "authenticator": _("Authenticator app"),
            "passkey": _("Passkey"),
            "recovery_code": _("Recovery code"),
            "oidc": _("Identity provider"),
        }[self.value]


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor that counts.

    An app that a code has confirmed, a passkey, or a set of recovery codes with `left` unused ones.
    """

    id: UUID
    kind: FactorKind
    name: str
    added_at: datetime
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A record that `person` used `factor` at `at`.

    It is valid while the factor exists, in the session in which it was given.
    """

    person: UUID
    factor: UUID
    kind: FactorKind
    at: datetime


class RefusedError(Exception):
    """The proof is not valid.

    The text is for the person: it says what to do, and does not say which check failed.
    """


class CannotRemoveError(Exception):
    """The factor can't be removed; the text says why."""
