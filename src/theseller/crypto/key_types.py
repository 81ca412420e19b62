"""Purposes of keys, and data keys.

The hierarchy with keys in files: the root key (from a secret provider) wraps one purpose key for
each `Purpose`; a purpose key wraps data keys; a data key seals values. Each level is random, so
that each can be replaced without touching what is two levels below.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

KEY_BYTES = 32
ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Purpose(StrEnum):
    """What a key may be used for; purposes don't share keys."""

    ROOT = "root"  # wraps purpose keys; a key store makes no data key for it
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    CLIENT_SECRET = "client_secret"  # noqa: S105
    PII = "pii"
    BACKUP = "backup"
    SIGNING = "signing"
    TENANT_CONTEXT = "tenant_context"
    SESSION = "session"  # links in queued mail that act for their reader
    MFA = "mfa"
    AUDIT = "audit"  # signs checkpoints over the audit log


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of 32 bytes with its ID.

    Don't keep it beyond the expression that needs it: only the store destroys keys.
    """

    id: UUID
    purpose: Purpose
    material: Secret

    def __post_init__(self) -> None:
        if len(self.material.reveal_bytes()) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes")


def checked_environment(environment: str) -> str:
    """Return `environment` if it is a valid name (``production``, ``demo``).

    Raises:
        ValueError: it is not 1 to 32 lower-case letters, digits and hyphens that begin with a
            letter.
    """
    if not ENVIRONMENT_NAME.fullmatch(environment):
        raise ValueError(
            "an environment is named by 1 to 32 lower-case letters, digits and hyphens, a letter"
            " first"
        )
    return environment


def checked_owner(purpose: Purpose, owner: str) -> str:
    """Return `owner` if a data key for `purpose` can be made for it.

    Raises:
        ValueError: the purpose is the root's, or the owner is empty, too long or not printable.
    """
    if purpose is Purpose.ROOT:
        raise ValueError("a root key comes from the secret provider, not from the key store")
    if not 1 <= len(owner) <= 200 or not owner.isprintable():
        raise ValueError("a key's owner is 1 to 200 printable characters")
    return owner


def new_data_key(purpose: Purpose) -> DataKey:
    """Return a new random key; only a key store saves it."""
    return DataKey(new_id(), purpose, Secret(os.urandom(KEY_BYTES)))
