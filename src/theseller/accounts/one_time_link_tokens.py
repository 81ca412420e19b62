"""One-time links: their tokens, hashes and addresses.

A token has 256 random bits and is shown once. The database stores its SHA-256 only. A link is used
by deleting its row, so that of two requests that use it at once exactly one succeeds.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from theseller.lib.secret_type import Secret

#: How long a link is valid. `sql/one_time_links.sql` has the same limit.
VALID_FOR = timedelta(hours=72)
#: The redactor of logs recognizes tokens by it (`lib/redaction.py`).
_PREFIX = "theseller-link-"
_TOKEN = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")


class LinkRefusedError(Exception):
    """The link can't be used; the text says why, for the person who has it."""


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link that was just issued.

    `address` is the whole URL, `expires_at` the end of its validity. If it is `mailed` to its
    person, no one else needs to see it.
    """

    address: Secret
    expires_at: datetime
    mailed: bool = False


def new_token() -> Secret:
    """Return the token of a new link."""
    return Secret(_PREFIX + secrets.token_urlsafe(32))


def token_in_path(text: str) -> Secret | None:
    """Return the token in an address; None if it can't be one."""
    return Secret(text) if _TOKEN.fullmatch(text) else None


def token_hash(token: Secret) -> bytes:
    """Return what the database stores of a token: 32 bytes."""
    return hashlib.sha256(token.reveal_bytes()).digest()


def issued_link(url_name: str, token: Secret, expires_at: datetime) -> IssuedLink:
    """Return the link to the page `url_name` that a token makes."""
    path = reverse(url_name, args=[token.reveal()])
    return IssuedLink(Secret(settings.ENVIRONMENT.public_url + path), expires_at)


def without_traces(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Keep the address of a link's page out of caches and referrers.

    Browsers then send only the origin as referrer. With `no-referrer` they would send no origin
    with the form, and the forgery check would refuse it.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["Referrer-Policy"] = "strict-origin"
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex"
        return response

    return guarded
