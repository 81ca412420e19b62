"""Sessions of Django's test client in which the person has just proven that it is them."""

from __future__ import annotations

from django.test import Client

from theseller.lib import clock


def after_step_up(client: Client) -> Client:
    """Return `client`, whose person gave their password just now.

    This is a fresh proof of someone without a second factor.
    """
    session = client.session
    session["password_at"] = clock.now().isoformat()
    session.save()
    return client
