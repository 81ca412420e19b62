"""Settings of single sign-on, identities, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.lib.translation_marks import gettext_noop


class OidcAudience(StrEnum):
    """Who may sign in by the identity provider."""

    OPERATORS = "operators"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The identity provider of this deployment.

    Attributes:
        issuer: its issuer identifier; "" if there is none.
        client_id: how it knows this deployment.
        name: what pages call it.
        audience: who may sign in by it.
        hosts: further hosts of its endpoints.
        amr: authentication methods of which one must have been used.
        acr: authentication context classes of which one must have been reached.
        ca_file: authorities to trust for it in place of the system's; "" for the system's.
    """

    issuer: str = ""
    client_id: str = ""
    name: str = ""
    audience: OidcAudience = OidcAudience.OPERATORS
    hosts: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    acr: tuple[str, ...] = ()
    ca_file: str = ""

    @property
    def configured(self) -> bool:
        """Whether there is a provider."""
        return bool(self.issuer)


class Purpose(StrEnum):
    """What a person goes to the identity provider for."""

    SIGN_IN = "sign_in"
    LINK = "link"
    STEP_UP = "step_up"


@dataclass(frozen=True, slots=True)
class BegunRequest:
    """A request to the provider that was begun in a browser session."""

    state: str
    nonce: str
    verifier: str
    purpose: Purpose
    person: str
    next: str


@dataclass(frozen=True, slots=True)
class VerifiedIdentity:
    """Who the provider says has signed in there, and when they proved it."""

    issuer: str
    subject: str
    authenticated_at: datetime


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """The identity that is linked to an account."""

    id: UUID
    linked_at: datetime


class Refusal(StrEnum):
    """Why a sign-in by the provider is refused: codes for the audit log."""

    STATE = "state"
    ISSUER = "issuer"
    DENIED = "denied"
    CODE = "code"
    TOKEN = "token"  # a code  # noqa: S105
    FACTOR = "factor"
    STALE = "stale"
    NOT_LINKED = "not_linked"
    NOT_ALLOWED = "not_allowed"
    OTHER_ACCOUNT = "other_account"
    PROVIDER = "provider"

    @property
    def text(self) -> str:
        """What the person reads, in English, marked for translation."""
        return _TEXTS[self]


_AGAIN = gettext_noop(
    "The response of the identity provider does not belong to a sign-in that was begun in this"
    " browser in the last ten minutes. Start again."
)
_INVALID = gettext_noop(
    "The response of the identity provider is not valid. Start again; if it happens again, tell the"
    " operators of this service."
)
_TEXTS = {
    Refusal.STATE: _AGAIN,
    Refusal.ISSUER: _INVALID,
    Refusal.DENIED: gettext_noop("The identity provider did not sign you in."),
    Refusal.CODE: _INVALID,
    Refusal.TOKEN: _INVALID,
    Refusal.FACTOR: gettext_noop(
        "The identity provider did not confirm a second factor. Set one up there, then sign in"
        " again."
    ),
    Refusal.STALE: gettext_noop(
        "The identity provider did not ask you to sign in again. Confirm your identity in another"
        " way."
    ),
    Refusal.NOT_LINKED: gettext_noop(
        "No account of this service is linked to this account of the identity provider. Sign in"
        " with your password, then link it on your security page."
    ),
    Refusal.NOT_ALLOWED: gettext_noop(
        "Your account may not sign in by the identity provider. Use your password."
    ),
    Refusal.OTHER_ACCOUNT: gettext_noop(
        "This account of the identity provider is linked to another account of this service."
    ),
    Refusal.PROVIDER: gettext_noop(
        "The identity provider does not answer as it should. Use your password, or try again later."
    ),
}


class SsoRefusedError(Exception):
    """A sign-in by the provider is refused.

    Attributes:
        refusal: why.
        detail: a code for the log; no part of a token.
    """

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal.text)
        self.refusal = refusal
        self.detail = detail
