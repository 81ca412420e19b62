"""The keys that sign checkpoints.

Each checkpoint says which key signs the next, so that the first key vouches for all that follow.
"""

from __future__ import annotations

from django.conf import settings

from theseller.audit.types import AuditKeyLostError, Checkpoint
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import Purpose

OWNER = "audit log"


def signing_records() -> list[KeyRecord]:
    """Return the keys for checkpoints that are not destroyed, oldest first."""
    return [
        one
        for one in settings.KEY_STORE.list()
        if one.purpose is Purpose.AUDIT and one.owner == OWNER and not one.destroyed
    ]


def signing_key(record: KeyRecord) -> SigningKey:
    """Return the signing key of a record of the key store."""
    return SigningKey.from_secret(settings.KEY_STORE.get(record.id).material)


def key_for(head: Checkpoint | None) -> SigningKey:
    """Return the key that signs the checkpoint after `head`.

    The first key is created here.

    Raises:
        AuditKeyLostError: the key store no longer has it.
    """
    known = [signing_key(record) for record in signing_records()]
    if head is None:
        return (
            known[-1]
            if known
            else SigningKey.from_secret(settings.KEY_STORE.create(Purpose.AUDIT, OWNER).material)
        )
    for key in known:
        if key.public_bytes.hex() == head.key_after:
            return key
    raise AuditKeyLostError(
        "the key store does not hold the key that signs the audit log's checkpoints after number"
        f" {head.number}: restore the key store from its backup (docs/operate/access.md)"
    )


def is_current(public_key: str) -> bool:
    """Return whether a key of ours has this hex public key."""
    return any(signing_key(record).public_bytes.hex() == public_key for record in signing_records())
