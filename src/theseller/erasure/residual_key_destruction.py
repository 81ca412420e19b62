"""Destroy the keys of connections that have ended.

A disconnection destroys the keys itself. But a key store that was put back from an older copy has
them again, and what was sealed under them, in a backup too, can be read. So each start of a worker,
each replay and each certificate asks the store by owner.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.connections.data_keys import key_owner
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import Purpose
from theseller.erasure.journal import journal
from theseller.erasure.types import SubjectKind
from theseller.lib import sql_execution
from theseller.retention.database_aliases import COUNTER

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: A connection's owner names in the key store: of its token's key, and of its keys for other
#: purposes (`connections/data_keys.py`).
_OWNER = re.compile(rf"connection(?:-[a-z_]+)?:({_UUID})")


class KeyStillActiveError(RuntimeError):
    """A key of a connection that has ended still exists: nothing is certified."""


def owners_of(connections: Collection[UUID]) -> frozenset[str]:
    """Return every owner under which the key store may have their keys."""
    tokens = {f"connection:{connection}" for connection in connections}
    return frozenset(
        tokens
        | {key_owner(connection, purpose) for connection in connections for purpose in Purpose}
    )


def destroy_keys_of(connections: Collection[UUID]) -> int:
    """Destroy the keys of connections that have ended; return how many.

    Raises:
        KeyStoreError: one can't be destroyed now. Call it again.
        KeyStillActiveError: the store still has one.
    """
    owners = owners_of(connections)
    active = [
        entry
        for entry in settings.KEY_STORE.list()
        if entry.owner in owners and not entry.destroyed
    ]
    for entry in active:
        settings.KEY_STORE.destroy(entry.id)
    for entry in active:
        if settings.KEY_STORE.exists(entry.id):
            raise KeyStillActiveError(
                f"the key {entry.id} of a connection that has ended is still in the key store"
            )
    return len(active)


def destroy_keys_of_closed_connections() -> int:
    """Destroy the keys of all ended connections; return how many.

    A connection has ended if the erasure journal or the database says so.

    Raises:
        KeyStoreError: the key store can't answer.
        JournalUnreadableError: an entry of the erasure journal can't be read.
    """
    active = {
        connection
        for entry in settings.KEY_STORE.list()
        if not entry.destroyed and (connection := _connection_of(entry)) is not None
    }
    if not active:
        return 0
    named = {entry.id for entry in journal().entries(SubjectKind.CONNECTION)}
    known = {
        row[0]
        for row in sql_execution.rows(
            databases[COUNTER],
            "select connection_id from connections_disconnection where connection_id = any(%s)",
            [list(active)],
        )
    }
    ended = active & (named | known)
    return destroy_keys_of(ended) if ended else 0


def _connection_of(entry: KeyRecord) -> UUID | None:
    found = _OWNER.fullmatch(entry.owner)
    return UUID(found[1]) if found else None
