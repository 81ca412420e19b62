"""Browser sessions, stored under a hash of their key: who reads the database can't take over anybody's session."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session

from theseller.lib import clock


def stored_key(session_key: str) -> str:
    """Return the 40 characters under which the session of the cookie `session_key` is stored."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


class SessionStore(DatabaseSessionStore):
    """Django's database sessions, but the key in the cookie never reaches the table."""

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
        return Session.objects.filter(session_key=stored_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        return Session(
            session_key=stored_key(self._get_or_create_session_key()),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
        )

    def delete(self, session_key: str | None = None) -> None:
        session_key = session_key or self.session_key
        if session_key is not None:
            Session.objects.filter(session_key=stored_key(session_key)).delete()


def _now() -> datetime:

    return clock.now()
