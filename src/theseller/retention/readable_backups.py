"""Which backups are still readable, judged by their keys.

A backup can be read for as long as its key exists.
"""

from __future__ import annotations

from uuid import UUID

from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_store_protocol import KeyStore

#: The prefix of a backup key's owner in the key store; the backup's id follows.
BACKUP_OWNER = "backup:"


def readable_backup_keys(keys: KeyStore) -> tuple[KeyRecord, ...]:
    """Return the keys that still open something as a backup, oldest first."""
    return tuple(
        entry
        for entry in keys.list()
        if entry.owner.startswith(BACKUP_OWNER) and not entry.destroyed
    )


def backup_of_key(entry: KeyRecord) -> UUID | None:
    """Return the backup that a key belongs to.

    None if the record doesn't say.
    """
    try:
        return UUID(entry.owner.removeprefix(BACKUP_OWNER))
    except ValueError:
        return None
