"""The client's address of a request, and the keys of rate-limit buckets."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from theseller.lib.ip_networks_and_proxies import forwarded_address

_SALT = "theseller.edge.rate_limits"


def client_address(request: HttpRequest) -> str:
    """Return the caller's address.

    It is the socket's, or the one that a trusted proxy (`THESELLER_TRUSTED_PROXIES`) forwarded.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")
    return forwarded_address(
        peer, str(request.META.get("HTTP_X_FORWARDED_FOR", "")), settings.THESELLER_TRUSTED_PROXIES
    )


def bucket_key(limit: str, subject: str) -> str:
    """Return a bucket's key: a keyed hash of the limit's name and subject.

    The table therefore shows no address and no account.
    """
    return salted_hmac(_SALT, f"{limit}\0{subject}", algorithm="sha256").hexdigest()
