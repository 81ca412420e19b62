"""Try to sign in more often than is allowed.

The tries come over several connections at once. The accounts do not exist, so that no one is locked
out but the prober's own network.
"""

from __future__ import annotations

import http.client
import math
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode

from theseller.cli.outside_prober.target_connection import Target
from theseller.controls.prober_reports.message_format import LimitSection

#: More than the 10 tries of an account, and with these more than the 30 of a network.
ACCOUNT_TRIES, NETWORK_TRIES = 14, 24
_AT_ONCE = 4
_PAGE = "/sign-in/"
_ANSWERED, _REFUSED = 422, 429


@dataclass(frozen=True, slots=True)
class _Form:
    """The sign-in form as a browser gets it."""

    token: str
    cookies: str


def measure_limits(target: Target) -> LimitSection:
    """Return how many tries were answered and how many refused."""
    address = target.addresses()[0]
    begun = time.monotonic()
    form = _form(target, address)
    one, others = _account(), [_account() for _ in range(NETWORK_TRIES)]
    account = _try_all(target, address, form, [one] * ACCOUNT_TRIES)
    network = _try_all(target, address, form, others)
    return LimitSection(
        account_answered=account[_ANSWERED],
        account_refused=account[_REFUSED],
        account_tries=ACCOUNT_TRIES,
        network_answered=network[_ANSWERED],
        network_refused=network[_REFUSED],
        network_tries=NETWORK_TRIES,
        seconds=math.ceil(time.monotonic() - begun),
    )


def _account() -> str:
    return f"prober-{secrets.token_hex(8)}@example.com"


def _form(target: Target, address: str) -> _Form | None:
    try:
        page = target.request(address, "GET", _PAGE)
        cookies = SimpleCookie("\n".join(page.headers.get_all("Set-Cookie", [])))
    except (OSError, http.client.HTTPException, CookieError):
        return None
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
    if token is None:
        return None
    sent = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    return _Form(token[1].decode(), sent)


def _try_all(
    target: Target, address: str, form: _Form | None, accounts: Iterable[str]
) -> Counter[int]:
    if form is None:
        return Counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return Counter(pool.map(lambda one: _try(target, address, form, one), accounts))


def _try(target: Target, address: str, form: _Form, account: str) -> int:
    """Try once; return the status, 0 without an answer."""
    fields = {"csrfmiddlewaretoken": form.token, "email": account, "password": secrets.token_hex(8)}
    try:
        return target.request(
            address, "POST", _PAGE, body=urlencode(fields).encode(), headers=_headers(target, form)
        ).status
    except (OSError, http.client.HTTPException):
        return 0


def _headers(target: Target, form: _Form) -> Mapping[str, str]:
    """Return headers that name another client address each time."""
    pretended = f"198.51.100.{secrets.randbelow(250) + 1}"
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": form.cookies,
        "Referer": f"{target.url}{_PAGE}",
        "X-Forwarded-For": pretended,
        "X-Real-IP": pretended,
        "Forwarded": f"for={pretended}",
    }
