"""The keys that sign checkpoints. Each checkpoint says which key signs the next, so that the first key vouches for all that follow."""

from __future__ import annotations

from django.conf import settings

from theseller.audit.types import AuditKeyLostError, Checkpoint
from theseller.crypto.keyfile import KeyRecord
from theseller.crypto.keys import Purpose
from theseller.crypto.signing import SigningKey

OWNER = "audit log"


def signing_records() -> list[KeyRecord]:
    """Return the living keys for checkpoints, oldest first."""
    return [
        one
        for one in settings.KEY_STORE.list()
        if one.purpose is Purpose.AUDIT and one.owner == OWNER and not one.destroyed
    ]


def signing_key(record: KeyRecord) -> SigningKey:
    return SigningKey.from_secret(settings.KEY_STORE.get(record.id).material)


def key_for(head: Checkpoint | None) -> SigningKey:
    """Return the key that signs the checkpoint after `head`; the first is made here.

    Raises:
        AuditKeyLostError: the key store does not hold it any more.
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
    """Say whether a living key of ours has this public half."""
    return any(signing_key(record).public_bytes.hex() == public_key for record in signing_records())
