"""Users and password of a demo, which its start page shows.

Other deployments show nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from theseller.config.demo_users import DEMO_SIGN_INS
from theseller.config.environment import EnvironmentKind
from theseller.crypto.errors import SecretNotFoundError

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def demo_sign_in(request: HttpRequest) -> dict[str, Any] | None:
    """Return the users and the password of a demo, or None.

    None in other deployments, and if the demo can be reached from other machines.
    """
    environment = settings.ENVIRONMENT
    if (
        environment.kind is not EnvironmentKind.DEMO
        or urlsplit(environment.public_url).hostname not in _LOOPBACK
    ):
        return None
    if request.META.get("REMOTE_ADDR") not in _LOOPBACK:
        return None
    try:
        password = settings.SECRETS.get("demo-cast-password").reveal()
    except SecretNotFoundError:
        return None
    return {"people": DEMO_SIGN_INS, "password": password}
