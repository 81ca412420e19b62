"""Read requests to open a shop."""

from __future__ import annotations

from datetime import datetime

from theseller.accounts.models import SignUp
from theseller.accounts.one_time_link_tokens import token_hash
from theseller.lib.secret_type import Secret


def address_of(token: Secret, *, at: datetime) -> str | None:
    """Return the address that a link verifies; None if it is not valid."""
    found = SignUp.objects.filter(token_hash=token_hash(token), expires_at__gt=at).first()
    return found.email if found is not None else None


def has_open_request(address: str, at: datetime, using: str) -> bool:
    """Return whether a canonical address requested to open a shop.

    The setting MAIL_SIGN_UP_CHECK names this function.

    Args:
        address: the address.
        at: now.
        using: a connection as `auth` or `worker`.
    """
    found = SignUp.objects.using(using).filter(email=address, expires_at__gt=at)
    return found.values("email").exists()
