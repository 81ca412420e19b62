"""Verify signed JSON Web Tokens (RFC 7519) with a provider's public keys.

The algorithms are ours to choose, not the token's and not the provider's: signatures by public keys
only, so neither `none` nor an HMAC with a public key as its secret is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
)  # fmt: skip
#: How far the clocks of two machines may differ.
CLOCK_SKEW = timedelta(seconds=60)
#: More is no set of signing keys, and each costs a try.
KEYS_MAX = 50
_KEY_TYPES = frozenset({"RSA", "EC"})


class TokenRefusedError(Exception):
    """The token is not valid.

    The text is a code for the log, and holds no part of the token.
    """


class UnknownKeyError(TokenRefusedError):
    """The token names a key that is not known.

    The provider may have a newer one.
    """


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The public keys of a provider."""

    keys: KeySet


def read_public_keys(document: object) -> PublicKeys:
    """Return the signing keys of a JSON Web Key Set (RFC 7517).

    Other keys are left out.

    Raises:
        ValueError: it is no key set, or has no key that can be used.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise ValueError("no set of keys")
    wanted = [
        one
        for one in listed
        if isinstance(one, dict) and one.get("kty") in _KEY_TYPES and one.get("use", "sig") == "sig"
    ]
    try:
        return PublicKeys(KeySet.import_key_set({"keys": wanted}))
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("no set of keys") from None


def verified_claims(
    token: str, keys: PublicKeys, *, issuer: str, audience: str, nonce: str, at: datetime
) -> Mapping[str, Any]:
    """Return the claims of an ID token.

    The checks are those of OpenID Connect Core 1.0, section 3.1.3.7.

    Args:
        token: the token in its compact form.
        keys: the issuer's keys.
        issuer: who must have issued it.
        audience: for whom it must have been issued, and no one besides.
        nonce: what was sent with the request.
        at: now.

    Raises:
        UnknownKeyError: it names another key.
        TokenRefusedError: a check failed.
    """
    try:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        claims = jwt.decode(token, keys.keys, registry=registry).claims
    except InvalidKeyIdError:
        raise UnknownKeyError("unknown_key") from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise TokenRefusedError("signature") from None
    _check(claims, issuer=issuer, audience=audience, nonce=nonce)
    _check_times(claims, at)
    return claims


def _check(claims: Mapping[str, Any], *, issuer: str, audience: str, nonce: str) -> None:
    """Check who issued the token, for whom, and for which request.

    Raises:
        TokenRefusedError: one of them is another.
    """
    if claims.get("iss") != issuer:
        raise TokenRefusedError("issuer")
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    # One audience, ours: a token for others besides could be used by them here.
    if audiences != [audience] or claims.get("azp", audience) != audience:
        raise TokenRefusedError("audience")
    if claims.get("nonce") != nonce:
        raise TokenRefusedError("nonce")


def _check_times(claims: Mapping[str, Any], at: datetime) -> None:
    """Check that the token is valid now.

    Raises:
        TokenRefusedError: it is not, or does not say when.
    """
    now, skew = at.timestamp(), CLOCK_SKEW.total_seconds()
    expires_at, issued_at = (_seconds(claims.get(name)) for name in ("exp", "iat"))
    if expires_at is None or issued_at is None:
        raise TokenRefusedError("times")
    if expires_at <= now - skew:
        raise TokenRefusedError("expired")
    if issued_at > now + skew:
        raise TokenRefusedError("issued_in_future")
    if "nbf" in claims and (_seconds(claims["nbf"]) or now + 2 * skew) > now + skew:
        raise TokenRefusedError("issued_in_future")


def _seconds(value: object) -> float | None:
    """Return a time in seconds; None if it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e12 else None
