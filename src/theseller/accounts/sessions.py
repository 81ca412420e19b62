"""Find, count and end browser sessions.

`accounts.session_store` stores them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.sessions.models import Session
from django.core import signing
from django.http import HttpRequest

from theseller.accounts.models import User
from theseller.accounts.session_store import content_of, row_salt, stored_key
from theseller.lib.secret_type import Secret

#: The entry of a session with the shop that its person chose.
ACTIVE_TENANT_KEY = "tenant"


def live_sessions_signed_by(key: Secret, *, at: datetime, using: str | None = None) -> int:
    """Count the unexpired sessions whose content `key` signed."""
    sessions = (
        Session.objects.using(using)
        .filter(expire_date__gt=at)
        .values_list("session_key", "session_data")
    )
    return sum(
        _signed_by(key, stored, content) for stored, content in sessions.iterator(chunk_size=500)
    )


def newest_sessions(
    *, at: datetime, most: int, using: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the content of unexpired sessions, newest first.

    At most `most` of them. The content is empty if we did not sign it.
    """
    sessions = Session.objects.using(using).filter(expire_date__gt=at).order_by("-expire_date")
    for stored, content in sessions.values_list("session_key", "session_data")[:most]:
        yield content_of(stored, content)


def sessions_of(person: UUID, *, using: str | None = None) -> list[str]:
    """Return the stored keys of a person's sessions.

    Signed in or pending a second factor, expired ones too. It reads all sessions.
    """
    found = Session.objects.using(using).values_list("session_key", "session_data")
    return [
        key
        for key, content in found.iterator(chunk_size=500)
        if str(person) in str(content_of(key, content))
    ]


def end_other_sessions(person: UUID, *, keep: str = "", using: str | None = None) -> int:
    """End a person's sessions except that of the cookie `keep`.

    Returns:
        How many sessions ended.
    """
    others = set(sessions_of(person, using=using)) - {stored_key(keep)}
    return Session.objects.using(using).filter(session_key__in=others).delete()[0]


def end_sessions_in_tenant(person: UUID, tenant: UUID) -> int:
    """End a person's sessions in a tenant; return how many.

    Those in which they chose another tenant continue.
    """
    chosen = {None, str(tenant)}
    found = Session.objects.filter(session_key__in=sessions_of(person))
    ended = [
        key
        for key, content in found.values_list("session_key", "session_data")
        if content_of(key, content).get(ACTIVE_TENANT_KEY) in chosen
    ]
    return Session.objects.filter(session_key__in=ended).delete()[0]


def end_all_sessions(*, using: str | None = None) -> int:
    """End all sessions; return how many there were."""
    return Session.objects.using(using).all().delete()[0]


def _signed_by(key: Secret, stored: str, content: str) -> bool:
    try:
        signing.TimestampSigner(key=key.reveal(), salt=row_salt(stored), fallback_keys=[]).unsign(
            content
        )
    except signing.BadSignature:
        return False
    return True


def current_user(request: HttpRequest) -> User:
    """Return the signed-in person as our own model."""
    return cast(User, request.user)


def session_key(request: HttpRequest) -> str:
    """Return the key of the current session.

    A change of factors keeps this session when it ends the person's others.
    """
    return request.session.session_key or ""
