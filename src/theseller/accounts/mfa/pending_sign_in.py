"""The state between a correct password and the second factor.

The person is not signed in yet.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from theseller.accounts.mfa.session_proofs import within
from theseller.accounts.models import User

#: How long the second factor may take to come.
_VALID_FOR = timedelta(minutes=10)
_PENDING = "half_signed_in"


def begin(request: HttpRequest, user: User, at: datetime) -> None:
    """Store that the password of `user` was given."""
    request.session.cycle_key()
    # With the hash: a password that is changed in these minutes ends the waiting.
    request.session[_PENDING] = {
        "person": str(user.pk),
        "at": at.isoformat(),
        "hash": user.get_session_auth_hash(),
    }


def pending_user(request: HttpRequest, at: datetime) -> User | None:
    """Return the person whose second factor is pending, or None."""
    stored = request.session.get(_PENDING)
    if not isinstance(stored, dict) or not within(
        datetime.fromisoformat(stored["at"]), at, _VALID_FOR
    ):
        return None
    user = User.objects.filter(pk=stored["person"]).first()
    return (
        user
        if user is not None and constant_time_compare(stored["hash"], user.get_session_auth_hash())
        else None
    )


def clear(request: HttpRequest) -> None:
    """Remove the pending sign-in from the session."""
    request.session.pop(_PENDING, None)
