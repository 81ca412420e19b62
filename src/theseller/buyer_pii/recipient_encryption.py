"""Encrypt recipients: one key of the connection, one of the expiry date.

A recipient is sealed under the connection's key, and that message under the key of its expiry date.
Destroying either key makes it unreadable, also in every backup. The connection's key is destroyed
when the feature ends, the other one on the date.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from django.db import transaction

from theseller.buyer_pii.types import Gift, Recipient
from theseller.connections.data_keys import connection_keys, create_key, key_owner
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import KeyDestroyedError
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_value import open_sealed, seal
from theseller.lib import sql_execution
from theseller.lib.policy_time_limits import PII_DAYS_MAX
from theseller.lib.secret_type import Secret

#: The database connection and role for buyer PII.
USING = "pii"
TABLE = "pii.recipient"
DAY_OWNER = "pii-day:"
#: How long a connection's key seals, and when its last recipient has expired; below the limit for
#: secrets.
SEALING_PERIOD = timedelta(days=PII_DAYS_MAX)
KEY_LIFETIME = timedelta(days=2 * PII_DAYS_MAX + 1)

#: The owner of each connection's key begins with it.
CONNECTION_OWNER_PREFIX = key_owner(UUID(int=0), Purpose.PII).removesuffix(str(UUID(int=0)))


def day_owner(day: date) -> str:
    """Return the key store's owner name of a date's key."""
    return f"{DAY_OWNER}{day:%Y-%m-%d}"


def day_of(owner: str) -> date | None:
    """Return the date whose key has this owner; None for any other key."""
    return (
        date.fromisoformat(owner.removeprefix(DAY_OWNER)) if owner.startswith(DAY_OWNER) else None
    )


def connection_key(connection: UUID, *, since: datetime, at: datetime) -> DataKey:
    """Return the key that seals for `connection` at `at`.

    Runs inside the caller's scope and creates a key if none is young enough. `since` is when the
    feature was enabled: an earlier key belongs to an earlier consent.

    Raises:
        KeyDestroyedError: the feature was disabled or the connection ended, and only the record of
            it is missing.
    """
    known = serving_keys(connection, since=since, at=at)
    if known:
        return settings.KEY_STORE.get(known[0])
    return create_key(connection, Purpose.PII, at=at)


def serving_keys(connection: UUID, *, since: datetime, at: datetime) -> tuple[UUID, ...]:
    """Return this consent's keys that are young enough to seal, newest first.

    Destroyed keys are included.
    """
    return tuple(
        key
        for key, made in connection_keys(connection, Purpose.PII)
        if made >= since and at - made < SEALING_PERIOD
    )


def day_key(day: date, *, at: datetime) -> DataKey:
    """Return the key of an expiry date; create it if there is none.

    Call it outside of any tenant scope.

    Raises:
        KeyDestroyedError: the date has passed.
    """
    row = sql_execution.one(
        databases[USING], "select key_id from pii.day_key where expires_on = %s", [day]
    )
    if row is not None:
        return settings.KEY_STORE.get(row[0])
    made = settings.KEY_STORE.create(Purpose.PII, day_owner(day))
    with transaction.atomic(using=USING):
        first = bool(
            sql_execution.execute(
                databases[USING],
                "insert into pii.day_key (expires_on, key_id, made_at) values (%s, %s, %s) on"
                " conflict (expires_on) do nothing",
                [day, made.id, at],
            )
        )
        row = sql_execution.one(
            databases[USING], "select key_id from pii.day_key where expires_on = %s", [day]
        )
    if not first:
        settings.KEY_STORE.destroy(
            made.id
        )  # Another process was faster; nothing is sealed under ours.
    if row is None:
        raise KeyDestroyedError(made.id)
    return settings.KEY_STORE.get(row[0])


def sealed_recipient(
    recipient: Recipient, *, tenant: UUID, connection: UUID, order: str, own: DataKey, day: DataKey
) -> bytes:
    """Seal a recipient under the connection's key, then under the date's key."""
    inner, outer = _contexts(tenant, connection, order)
    return seal(day, outer, seal(own, inner, Secret(_encoded(recipient))))


def open_recipient(sealed: bytes, *, tenant: UUID, connection: UUID, order: str) -> Recipient:
    """Open a sealed recipient.

    Raises:
        KeyDestroyedError: one of the two keys was destroyed.
        CannotOpenError, KeyStoreError: as `open_sealed`.
    """
    inner, outer = _contexts(tenant, connection, order)
    return _decoded(
        open_sealed(
            settings.KEY_STORE, inner, open_sealed(settings.KEY_STORE, outer, sealed).reveal_bytes()
        )
    )


def _contexts(
    tenant: UUID, connection: UUID, order: str
) -> tuple[EncryptionContext, EncryptionContext]:
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
