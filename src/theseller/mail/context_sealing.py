"""Seal contexts with links that act for their reader, by day keys.

The key of a day is destroyed three days later, when no message of the day can still be sent. So no
backup keeps such a link readable.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import KeyDestroyedError, KeyNotFoundError
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_value import open_sealed, seal
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret

DAY_OWNER = "mail-day:"
#: The day itself, and the 48 hours in which its last message may be tried.
KEY_DAYS = timedelta(days=3)


def sealed_context(message: UUID, context: str, *, at: datetime, using: str) -> tuple[bytes, UUID]:
    """Seal a context to its message; return it and its key's ID."""
    key = _day_key(at, using)
    return seal(key, _cell(message), Secret(context)), key.id


def opened_context(message: UUID, sealed: bytes) -> str:
    """Return the context that was sealed to `message`.

    Raises:
        CannotOpenError: it was sealed to another message.
        KeyDestroyedError: its day is over.
        KeyStoreError: the key store does not answer.
    """
    return open_sealed(settings.KEY_STORE, _cell(message), sealed).reveal()


def destroy_old_keys(*, at: datetime) -> int:
    """Destroy the keys of days that are over; return how many."""
    old = [
        one
        for one in settings.KEY_STORE.list()
        if one.owner.startswith(DAY_OWNER)
        and not one.destroyed
        and date.fromisoformat(one.owner.removeprefix(DAY_OWNER)) + KEY_DAYS <= at.date()
    ]
    for one in old:
        settings.KEY_STORE.destroy(one.id)
    return len(old)


def _day_key(at: datetime, using: str) -> DataKey:
    """Return the key of the day, and create it if there is none.

    Two processes may each create one: both are destroyed with the day.
    """
    row = sql_execution.one(
        connections[using],
        "select data_key_id from mail_message where data_key_id is not null and queued_at >= %s"
        " order by id desc limit 1",
        [at.replace(hour=0, minute=0, second=0, microsecond=0)],
    )
    if row is not None:
        try:
            return settings.KEY_STORE.get(row[0])
        except (KeyDestroyedError, KeyNotFoundError):
            pass  # The day of a clock that was wrong, or no export of the state has the key.
    return settings.KEY_STORE.create(Purpose.SESSION, f"{DAY_OWNER}{at:%Y-%m-%d}")


def _cell(message: UUID) -> EncryptionContext:
    return EncryptionContext(
        tenant=NO_TENANT,
        table="mail_message",
        column="sealed",
        row=str(message),
        purpose=Purpose.SESSION,
        environment=settings.ENVIRONMENT.kind.value,
    )
