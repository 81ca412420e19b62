"""Two keys stand before each recipient: its connection's, destroyed when the feature ends, and its day of death's, destroyed on the day.

A recipient is sealed under the connection's key, and that message under the day's. Either key's end is the end of it, in every backup.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from django.db import transaction

from theseller.buyer_pii.types import Gift, Recipient
from theseller.connections.keys import connection_keys, create_key
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import KeyDestroyedError
from theseller.crypto.keys import DataKey, Purpose
from theseller.crypto.sealed import open_sealed, seal
from theseller.lib import sql
from theseller.lib.limits import PII_DAYS_MAX
from theseller.lib.secret import Secret

#: The vault's own database connection and role.
USING = "pii"
TABLE = "pii.recipient"
DAY_OWNER = "pii-day:"
#: A connection's key serves for new seals this long, and lives until the last of them is dead: no key outlives the limit of secrets.
SEALING_PERIOD = timedelta(days=PII_DAYS_MAX)
KEY_LIFETIME = timedelta(days=2 * PII_DAYS_MAX + 1)


def day_owner(day: date) -> str:
    """Return how the key store names a day's key."""
    return f"{DAY_OWNER}{day:%Y-%m-%d}"


def day_of(owner: str) -> date | None:
    """Return the day whose key has this owner; None for any other key."""
    return date.fromisoformat(owner.removeprefix(DAY_OWNER)) if owner.startswith(DAY_OWNER) else None


def connection_key(connection: UUID, *, since: datetime, at: datetime) -> DataKey:
    """Return the key that seals for `connection` now, inside the caller's scope; made if there is none that is young enough.

    `since` is when the feature was turned on: a key from before it ended with an earlier time of it.

    Raises:
        KeyDestroyedError: it was destroyed on purpose: the feature was turned off, or the connection ended, and only the record is late.
    """
    known = serving_keys(connection, since=since, at=at)
    if known:
        return settings.KEY_STORE.get(known[0])
    return create_key(connection, Purpose.PII, at=at)


def serving_keys(connection: UUID, *, since: datetime, at: datetime) -> tuple[UUID, ...]:
    """Return the keys of the feature's present time that are young enough to seal, the newest first, destroyed or not."""
    return tuple(key for key, made in connection_keys(connection, Purpose.PII) if made >= since and at - made < SEALING_PERIOD)


def day_key(day: date, *, at: datetime) -> DataKey:
    """Return the key of a day of death, made if there is none. Call it outside of any scope.

    Raises:
        KeyDestroyedError: the day is over.
    """
    row = sql.one(databases[USING], "select key_id from pii.day_key where dies_on = %s", [day])
    if row is not None:
        return settings.KEY_STORE.get(row[0])
    made = settings.KEY_STORE.create(Purpose.PII, day_owner(day))
    with transaction.atomic(using=USING):
        first = bool(
            sql.execute(
                databases[USING],
                "insert into pii.day_key (dies_on, key_id, made_at) values (%s, %s, %s) on conflict (dies_on) do nothing",
                [day, made.id, at],
            )
        )
        row = sql.one(databases[USING], "select key_id from pii.day_key where dies_on = %s", [day])
    if not first:
        settings.KEY_STORE.destroy(made.id)  # Another process was first; nothing is sealed under ours.
    if row is None:
        raise KeyDestroyedError(made.id)
    return settings.KEY_STORE.get(row[0])


def sealed_recipient(recipient: Recipient, *, tenant: UUID, connection: UUID, order: str, own: DataKey, day: DataKey) -> bytes:
    """Return the message of the day's key around the message of the connection's."""
    inner, outer = _contexts(tenant, connection, order)
    return seal(day, outer, seal(own, inner, Secret(_encoded(recipient))))


def open_recipient(sealed: bytes, *, tenant: UUID, connection: UUID, order: str) -> Recipient:
    """Return what was sealed. Raises KeyDestroyedError if either key is gone, CannotOpenError, KeyStoreError."""
    inner, outer = _contexts(tenant, connection, order)
    return _decoded(open_sealed(settings.KEY_STORE, inner, open_sealed(settings.KEY_STORE, outer, sealed).reveal_bytes()))


def _contexts(tenant: UUID, connection: UUID, order: str) -> tuple[EncryptionContext, EncryptionContext]:
    environment, row = settings.ENVIRONMENT.kind.value, f"{connection}/{order}"
    inner = EncryptionContext(tenant, TABLE, "sealed_by_connection", row, Purpose.PII, environment)
    return inner, EncryptionContext(tenant, TABLE, "sealed", row, Purpose.PII, environment)


def _encoded(recipient: Recipient) -> bytes:
    return json.dumps(
        {
            "lines": recipient.lines,
            "country": recipient.country,
            "phone": recipient.phone,
            "gifts": [[gift.order_item_id, gift.message] for gift in recipient.gifts],
            "ship_by": recipient.ship_by.isoformat() if recipient.ship_by else None,
        },
        ensure_ascii=False,
    ).encode()


def _decoded(text: Secret) -> Recipient:
    found = json.loads(text.reveal_bytes())
    ship_by = found["ship_by"]
    return Recipient(
        tuple(found["lines"]),
        found["country"],
        found["phone"],
        tuple(Gift(*gift) for gift in found["gifts"]),
        datetime.fromisoformat(ship_by) if ship_by else None,
    )
