"""Read the records of backups and restore drills."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connections as databases

from theseller.backups.types import Backup
from theseller.crypto.key_store_protocol import KeyStore

_BACKUPS = """
select b.id, b.begun_at, b.finished_at, coalesce(b.bytes, 0), coalesce(b.failed, ''),
       b.key_destroyed_at, d.finished_at, d.passed, b.key_id
from retention_backup b
left join lateral (
  select finished_at, passed from retention_drill
  where backup_id = b.id order by finished_at desc limit 1) d on true
"""


def backups(*, most: int = 400) -> tuple[Backup, ...]:
    """Return the backups that were begun, the newest first, expired ones too."""
    return tuple(
        _backup(row)
        for row in rows(f"{_BACKUPS} order by b.begun_at desc, b.id desc limit %s", [most])
    )


def backup(identity: UUID) -> Backup | None:
    """Return one backup, or None if there is no record of it."""
    found = rows(f"{_BACKUPS} where b.id = %s", [identity])
    return _backup(found[0]) if found else None


def newest_finished(keys: KeyStore) -> Backup | None:
    """Return the newest complete backup that can still be read, or None.

    The key store decides, not the database.
    """
    for row in rows(
        f"{_BACKUPS} where b.finished_at is not null order by b.begun_at desc, b.id desc"
    ):
        if keys.exists(row[8]):
            return _backup(row)
    return None


def _backup(row: tuple[Any, ...]) -> Backup:
    identity, begun, finished, size, failed, destroyed, drilled, passed, _key = row
    return Backup(identity, begun, finished, int(size), failed, destroyed, drilled, passed)


def rows(query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement as this process's own role and return its rows."""
    with databases["default"].cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []
