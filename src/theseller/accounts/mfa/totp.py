"""Time-based one-time codes (RFC 6238).

With the values that every authenticator app supports: HMAC-SHA-1, 30 seconds, 6 digits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import datetime
from urllib.parse import quote, urlencode

from theseller.lib.secret_type import Secret

STEP_SECONDS = 30
DIGITS = 6
#: A code of the step before or after is taken too: phones' clocks differ (RFC 6238 §5.2 allows one
#: step for transmission).
_DRIFT = (0, -1, 1)
_SECRET_BYTES = 20  # RFC 4226 §4: at least 128 bits, 160 recommended


def new_secret() -> Secret:
    """Return 160 random bits in base32, as apps take them."""
    return Secret(base64.b32encode(os.urandom(_SECRET_BYTES)).decode())


def code_of(secret: Secret, step: int) -> str:
    """Return the code of one 30-second step since 1970."""
    digest = hmac.new(base64.b32decode(secret.reveal()), step.to_bytes(8), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(at: datetime) -> int:
    """Return the number of the 30-second step since 1970 at `at`."""
    return int(at.timestamp()) // STEP_SECONDS


def step_of(secret: Secret, code: str, at: datetime) -> int | None:
    """Return the step that `code` belongs to, of those that count at `at`.

    None if it is the code of none of them.
    """
    steps = [step_at(at) + drift for drift in _DRIFT]
    # Every candidate is compared, in constant time: how long it takes says nothing.
    found = [
        step for step in steps if hmac.compare_digest(code_of(secret, step).encode(), code.encode())
    ]
    return found[0] if found else None


def enrollment_uri(secret: Secret, *, account: str, issuer: str) -> Secret:
    """Return the `otpauth://` URI that an app reads from a QR code.

    Source: Google Authenticator's key URI format.
    """
    label = quote(f"{issuer}:{account}", safe="")
    return Secret(
        f"otpauth://totp/{label}?{urlencode({'secret': secret.reveal(), 'issuer': issuer})}"
    )
