"""Store browser sessions, signed, under a hash of their key.

Reading the table gives access to no session, because the cookie is not in it. Copying a row to
another key gives none either: its content is signed for the key that it was stored under, and is
refused under any other.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing

from theseller.lib import clock


def stored_key(session_key: str) -> str:
    """Return the hash under which the session of a cookie is stored.

    It has 40 hex characters.
    """
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


def row_salt(stored: str) -> str:
    """Return the signature's salt of the row that is stored under `stored`."""
    # It enters signatures of stored sessions and never changes.
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


def _now() -> datetime:
    return clock.now()
