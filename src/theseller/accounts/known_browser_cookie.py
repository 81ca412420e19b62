"""Recognize browsers that an account has signed in with before.

A signed cookie marks them, so that other people's attempts don't count against them. The cookie
gives no access: it only selects the bucket in which attempts are counted. It is bound to the
account's address.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

#: The value enters signatures of stored cookies and never changes.
_SALT = "theseller.accounts.devices"
#: How long a browser is known after its last sign-in.
REMEMBER_FOR = timedelta(days=365)
#: How many accounts one browser is known for; the ones used longest ago are dropped.
_ACCOUNTS_MAX = 5


def known_browser(request: HttpRequest, address: str) -> str | None:
    """Return this browser's id if it has signed in to the account before.

    `address` is the account's canonical address. None if the browser is not known.
    """
    tag = _tag(address)
    return next(
        (device for known, device in _entries(request) if constant_time_compare(known, tag)), None
    )


def remember_browser(request: HttpRequest, response: HttpResponse, address: str) -> None:
    """Make this browser a known one for the account, under a fresh id.

    The cookie is set on `response`.
    """
    tag = _tag(address)
    others = [entry for entry in _entries(request) if not constant_time_compare(entry[0], tag)]
    entries = [(tag, secrets.token_urlsafe(12)), *others][:_ACCOUNTS_MAX]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(entries, salt=_SALT),
        max_age=REMEMBER_FOR,
        path="/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _tag(address: str) -> str:
    # Keyed, so that the cookie shows no address to others who use the browser.
    return salted_hmac(_SALT, address, algorithm="sha256").hexdigest()[:32]


def _entries(request: HttpRequest) -> list[tuple[str, str]]:
    try:
        found = signing.loads(
            request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=_SALT, max_age=REMEMBER_FOR
        )
        return [(str(tag), str(device)) for tag, device in found][:_ACCOUNTS_MAX]
    except (signing.BadSignature, TypeError, ValueError):
        return []
