"""Limits of attempts to sign in, prove a second factor or sign up.

Attempts to use a one-time link are limited too. A known browser has a bucket of its own, so that
its owner can sign in whatever others do. Everyone else is counted by network, by account and
network, and by account alone. The last limit is wide: it bounds guessing from many networks
together, and is hard to fill from few.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

from theseller.accounts.known_browser_cookie import known_browser
from theseller.edge.rate_limits import Rate, Subject, by_ip

SIGN_IN, SECOND_FACTOR, ONE_TIME_LINK = "sign-in", "second-factor", "one-time-link"
SIGN_UP = "sign-up-address"
#: For each limit: the rates by known device, or by account and network; and by account alone. A
#: second factor has fewer tries than a password, since a code of six digits is guessed with a
#: chance of three in a million.
_RATES: dict[str, tuple[Rate, Rate]] = {
    SIGN_IN: (Rate(1 / 90, burst=10), Rate(1 / 36, burst=100)),
    ONE_TIME_LINK: (Rate(1 / 90, burst=10), Rate(1 / 36, burst=100)),
    SECOND_FACTOR: (Rate(1 / 900, burst=10), Rate(1 / 600, burst=50)),
    # Each sends mail to an address that may be someone else's.
    SIGN_UP: (Rate(1 / 3600, burst=3), Rate(1 / 3600, burst=5)),
}
_NETWORK = Rate(1 / 30, burst=30)


def limits(request: HttpRequest, name: str, address: str) -> Mapping[Subject, Rate]:
    """Return the limits that an attempt counts against.

    `address` is the canonical address of the account, whether it exists or not.
    """
    near, wide = _RATES[name]
    device = known_browser(request, address)
    if device is not None:
        return {_fixed(_by_device(device)): near}
    return {
        by_ip: _NETWORK,
        lambda current: _by_network(current, address): near,
        _fixed(f"address:{address}"): wide,
    }


def own_subject(request: HttpRequest, address: str) -> str:
    """Return the subject of the bucket that is refilled after a success.

    It is this device's, or this account's in this network.
    """
    device = known_browser(request, address)
    return _by_network(request, address) if device is None else _by_device(device)


def _by_network(request: HttpRequest, address: str) -> str:
    return f"address:{address}|{by_ip(request)}"


def _by_device(device: str) -> str:
    return f"device:{device}"


def _fixed(subject: str) -> Subject:
    return lambda _request: subject
