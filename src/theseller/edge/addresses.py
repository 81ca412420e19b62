"""Whose request it is, as far as limits need to know, without keeping the address."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

_SALT = "theseller.edge.ratelimit"


def client_address(request: HttpRequest) -> str:
    """Return the caller's address: the socket's, or the one that our own proxy added.

    ``THESELLER_TRUSTED_PROXIES`` says how many proxies of ours stand in front (0 by default). Only that many entries from the right of
    ``X-Forwarded-For`` can be believed; a caller writes what it likes to the left of them.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    hops = int(getattr(settings, "THESELLER_TRUSTED_PROXIES", 0))
    if hops < 1:
        return peer
    forwarded = [entry.strip() for entry in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",") if entry.strip()]
    return forwarded[-hops] if len(forwarded) >= hops else peer


def network_of(address: str) -> str:
    """Return what one caller can move within: the /64 of an IPv6 address, an IPv4 address itself, ``unknown`` for anything else."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"  # A Unix socket has no peer address; all its callers share one bucket.
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


def bucket_key(limit: str, subject: str) -> str:
    """Return the name of a bucket: a keyed hash, so that the table tells nobody's address or account."""
    return salted_hmac(_SALT, f"{limit}\0{subject}", algorithm="sha256").hexdigest()
