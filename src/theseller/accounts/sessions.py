"""Browser sessions, stored and signed under a hash of their key.

Reading the table gives access to no session, because the cookie is not in it. Copying a row to
another key gives none either: its content is signed for the key that it was stored under, and is
refused under any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing

from theseller.lib import clock
from theseller.lib.secret_type import Secret

#: The entry of a session with the shop that its person chose.
ACTIVE_TENANT_KEY = "tenant"


def stored_key(session_key: str) -> str:
    """Return the hash under which the session of a cookie is stored.

    It has 40 hex characters.
    """
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


def row_salt(stored: str) -> str:
    """Return the signature's salt of the row that is stored under `stored`."""
    return f"theseller.accounts.sessions:{stored}"


def content_of(stored: str, content: str) -> dict[str, Any]:
    """Return the content of the row stored under `stored`.

    It is empty if it was not signed for this key.
    """
    try:
        found: dict[str, Any] = signing.loads(
            content, salt=row_salt(stored), serializer=JSONSerializer
        )
    except (signing.BadSignature, ValueError):
        return {}
    return found


class SessionStore(DatabaseSessionStore):
    """Django's database sessions, stored under a hash of the key.

    The key in the cookie never reaches the table, and a row is valid under its own key only.
    """

    @property
    def key_salt(self) -> str:
        """The salt of the content's signature, which contains the stored key.

        A row that was copied to another key is refused.
        """
        return row_salt(stored_key(self._session_key or ""))

    def _get_session_from_db(self) -> Session | None:
        cookie_key = self._session_key
        if cookie_key is None:
            return None
        try:
            return Session.objects.get(session_key=stored_key(cookie_key), expire_date__gt=_now())
        except Session.DoesNotExist:
            self._session_key = None
            return None

    def exists(self, session_key: str) -> bool:
        """Return whether a session with this cookie key is stored."""
        return Session.objects.filter(session_key=stored_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of this session, with its signed content."""
        return Session(
            session_key=stored_key(self._get_or_create_session_key()),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
        )

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session with this cookie key, or this session."""
        session_key = session_key or self.session_key
        if session_key is not None:
            Session.objects.filter(session_key=stored_key(session_key)).delete()


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


def _now() -> datetime:
    return clock.now()
