"""Install and retire the database's copy of the tenant-ticket key.

`theseller migrate` writes it; only functions of the table's owner can read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from psycopg import Connection

from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.database_environment import WrongDatabaseError


def install_ticket_key(database: Connection[Any], key: Secret, *, at: datetime) -> bool:
    """Accept tickets signed by `key`; return True if that is new.

    Older keys stay accepted until they are retired.
    """
    inner, outer = _blocks(key)
    known = database.execute(
        "select 1 from guard.ticket_key where inner_block = %s", [inner]
    ).fetchone()
    if known:
        return False
    database.execute(
        "insert into guard.ticket_key (id, inner_block, outer_block, created_at) values (%s, %s,"
        " %s, %s)",
        [new_id(), inner, outer, at],
    )
    return True


def refuse_foreign_keys(database: Connection[Any], keys: Collection[Secret]) -> None:
    """Check that the database accepts tickets of this deployment.

    Raises:
        WrongDatabaseError: it accepts tickets, but none that one of `keys` signs.
    """
    row = database.execute("select to_regclass('guard.ticket_key') is not null").fetchone()
    if not row or not row[0]:
        return
    known = {
        bytes(one[0])
        for one in database.execute("select inner_block from guard.ticket_key").fetchall()
    }
    if known and known.isdisjoint(_blocks(key)[0] for key in keys):
        raise WrongDatabaseError(
            "this database accepts the tickets of another deployment, or was restored from before"
            " the ticket key was replaced: look at DATABASE_URL. Nothing was changed. If it is this"
            " deployment's: theseller migrate --take-over --reason TEXT"
        )


def retire_other_ticket_keys(database: Connection[Any], key: Secret) -> int:
    """Reject tickets of all keys but `key`; return how many were retired.

    Raises:
        LookupError: `key` is not accepted, so no scope could be opened afterward. Nothing is
            changed.
    """
    inner, _outer = _blocks(key)
    with database.transaction():
        if not database.execute(
            "select 1 from guard.ticket_key where inner_block = %s", [inner]
        ).fetchone():
            raise LookupError("the remaining key is not accepted")
        return database.execute(
            "delete from guard.ticket_key where inner_block <> %s", [inner]
        ).rowcount


def key_hash(key: Secret) -> str:
    """Return the hash by which guard.ticket_key_hashes() names `key`, in hex."""
    inner, _outer = _blocks(key)
    return hashlib.sha256(inner).hexdigest()


def _blocks(key: Secret) -> tuple[bytes, bytes]:
    # RFC 2104: SHA-256 works in blocks of 64 bytes; PostgreSQL has sha256() but no hmac of its own,
    # so it gets the padded halves.
    material = key.reveal_bytes()
    block = (hashlib.sha256(material).digest() if len(material) > 64 else material).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
