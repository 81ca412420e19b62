"""The key file format, version 1: a JSON object.

It has format, ID, purpose, owner, and either the wrapped key or the time of its destruction::

    {"destroyed_at": null, "format": "theseller-key/1", "id": "…", "owner": "connection:…",
     "purpose": "refresh_token", "wrapped": "<base64 of a sealed message>"}
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from theseller.crypto.errors import KeyStoreError
from theseller.crypto.key_types import Purpose

_FORMAT = "theseller-key/1"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key without its material.

    `owner` is what the key serves, such as ``connection:<id>``. `purpose` is None, and `owner`
    empty, for a key whose file was damaged when it was destroyed.
    """

    id: UUID
    purpose: Purpose | None
    owner: str
    destroyed_at: datetime | None

    @property
    def destroyed(self) -> bool:
        """Whether the key is destroyed and only its tombstone remains."""
        return self.destroyed_at is not None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A record and its sealed key, which is empty in a tombstone."""

    record: KeyRecord
    wrapped: bytes


def encode(record: KeyRecord, wrapped: bytes) -> bytes:
    """Return the content of a key file."""
    fields = {
        "format": _FORMAT,
        "id": str(record.id),
        "purpose": record.purpose,
        "owner": record.owner,
        "destroyed_at": record.destroyed_at.isoformat() if record.destroyed_at else None,
        "wrapped": base64.b64encode(wrapped).decode(),
    }
    return json.dumps(fields, sort_keys=True).encode() + b"\n"


def decode(key_id: UUID, content: bytes) -> KeyFile:
    """Parse the key file of `key_id`.

    Raises:
        KeyStoreError: it is damaged, of a later version, or another key's.
    """
    try:
        fields = json.loads(content)
        ours = fields["format"] == _FORMAT and UUID(fields["id"]) == key_id
        purpose = None if fields["purpose"] is None else Purpose(fields["purpose"])
        destroyed_at = (
            None
            if fields["destroyed_at"] is None
            else datetime.fromisoformat(fields["destroyed_at"])
        )
        record = KeyRecord(key_id, purpose, str(fields["owner"]), destroyed_at)
        wrapped = base64.b64decode(fields["wrapped"], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise KeyStoreError(f"the file of key {key_id} is damaged") from None
    if not ours:
        raise KeyStoreError(
            f"the file of key {key_id} is another key's, or was written by a later version of"
            " TheSeller"
        )
    return KeyFile(record, wrapped)
