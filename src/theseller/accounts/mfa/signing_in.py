"""Between the password and the second factor: the session remembers whose password was right, and that person is not signed in."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from theseller.accounts.mfa.proofs import within
from theseller.accounts.models import User

#: How long the second factor may take to come.
_WAITS = timedelta(minutes=10)
_HALF = "half_signed_in"


def wait_for_second_factor(request: HttpRequest, user: User, at: datetime) -> None:
    """Remember that the password of `user` was given."""
    request.session.cycle_key()
    # With the hash: a password that is changed in these minutes ends the waiting.
    request.session[_HALF] = {"person": str(user.pk), "at": at.isoformat(), "hash": user.get_session_auth_hash()}


def waiting(request: HttpRequest, at: datetime) -> User | None:
    """Return the person whose second factor is awaited; None if nobody's is, or not any more."""
    held = request.session.get(_HALF)
    if not isinstance(held, dict) or not within(datetime.fromisoformat(held["at"]), at, _WAITS):
        return None
    user = User.objects.filter(pk=held["person"]).first()
    return user if user is not None and constant_time_compare(held["hash"], user.get_session_auth_hash()) else None


def forget(request: HttpRequest) -> None:
    request.session.pop(_HALF, None)
