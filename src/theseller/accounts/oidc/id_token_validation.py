"""Find out who signed in at the provider, and by which factor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from theseller.accounts.mfa.session_proofs import PROOF_VALID_FOR, STEP_UP_WITHIN
from theseller.accounts.oidc.provider_client import Provider, id_token, provider
from theseller.accounts.oidc.types import (
    BegunRequest,
    OidcSettings,
    Purpose,
    Refusal,
    SsoRefusedError,
    VerifiedIdentity,
)
from theseller.crypto.json_web_token_verification import (
    CLOCK_SKEW,
    TokenRefusedError,
    UnknownKeyError,
    verified_claims,
)
from theseller.lib.secret_type import Secret

_SUBJECT_MAX = 255


def max_age_of(purpose: Purpose) -> timedelta:
    """Return how old a proof at the provider may be; zero for a new one."""
    return PROOF_VALID_FOR if purpose is Purpose.SIGN_IN else timedelta(0)


def identity_of_code(
    settings: OidcSettings,
    request: BegunRequest,
    *,
    code: str,
    secret: Secret,
    back: str,
    at: datetime,
) -> VerifiedIdentity:
    """Return the person whom the provider signed in, by an authorization code.

    Raises:
        SsoRefusedError: the provider refuses the code, its token is not valid, or the token does
            not say that the required factor was used recently enough.
    """
    found = provider(settings, at=at)
    token = id_token(found, settings, request, code=code, secret=secret, back=back)
    claims = _claims(found, settings, request, token, at)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_MAX or "\0" in subject:
        raise SsoRefusedError(Refusal.TOKEN, "subject")
    _require_factor(settings, claims)
    return VerifiedIdentity(settings.issuer, subject, _authenticated_at(claims, request, at))


def _claims(
    found: Provider, settings: OidcSettings, request: BegunRequest, token: str, at: datetime
) -> Mapping[str, Any]:
    """Return the claims of a token.

    If it names a key that is not known, the keys are read once more.

    Raises:
        SsoRefusedError: the token is not valid.
    """
    for again in (False, True):
        keys = (provider(settings, at=at, newer_keys=True) if again else found).keys
        try:
            return verified_claims(
                token,
                keys,
                issuer=settings.issuer,
                audience=settings.client_id,
                nonce=request.nonce,
                at=at,
            )
        except UnknownKeyError:
            continue
        except TokenRefusedError as error:
            raise SsoRefusedError(Refusal.TOKEN, str(error)) from None
    raise SsoRefusedError(Refusal.TOKEN, "unknown_key")


def _require_factor(settings: OidcSettings, claims: Mapping[str, Any]) -> None:
    """Check that the token names a required method, and a required class.

    Raises:
        SsoRefusedError: it does not.
    """
    used = claims.get("amr")
    methods = used if isinstance(used, list) else []
    if settings.amr and not any(one in methods for one in settings.amr):
        raise SsoRefusedError(Refusal.FACTOR, "amr")
    if settings.acr and claims.get("acr") not in settings.acr:
        raise SsoRefusedError(Refusal.FACTOR, "acr")
    if not settings.amr and not settings.acr:
        raise SsoRefusedError(Refusal.FACTOR, "nothing_required")


def _authenticated_at(claims: Mapping[str, Any], request: BegunRequest, at: datetime) -> datetime:
    """Return when the person proved who they are, at most `at`.

    Raises:
        SsoRefusedError: too long ago for the purpose, or the token does not say when.
    """
    seconds = claims.get("auth_time")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e11:
        raise SsoRefusedError(Refusal.STALE, "auth_time")
    proven_at = datetime.fromtimestamp(seconds, UTC)
    longest = PROOF_VALID_FOR if request.purpose is Purpose.SIGN_IN else STEP_UP_WITHIN
    if not -CLOCK_SKEW <= at - proven_at < longest:
        raise SsoRefusedError(Refusal.STALE, "auth_time")
    return min(proven_at, at)
