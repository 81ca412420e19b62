"""Key purposes, data keys and root keys.

The hierarchy: the root key (from a secret provider) wraps one purpose key for each `Purpose`; a
purpose key wraps data keys; a data key seals values. Each level is random, so that each can be
replaced without touching what is two levels below.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from theseller.crypto.errors import KeyStoreError, WrongEnvironmentError
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

KEY_BYTES = 32
#: The name under which a secret provider holds the root key.
ROOT_KEY_NAME = "root-key"

_ROOT_PREFIX = "theseller-root-1"
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,31}")


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
    if not _ENVIRONMENT.fullmatch(environment):
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


def new_root_key(environment: str) -> Secret:
    """Return a new root key.

    Its form is ``theseller-root-1.<environment>.<id>.<base64url>``.
    """
    encoded = base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()
    return Secret(f"{_ROOT_PREFIX}.{checked_environment(environment)}.{new_id().hex}.{encoded}")


def parse_root_keys(text: Secret, environment: str) -> tuple[DataKey, ...]:
    """Parse root keys, one per line.

    The first wraps; the others still open what an interrupted rotation left under them.

    Raises:
        WrongEnvironmentError: a line belongs to another environment.
        KeyStoreError: a line is no root key, or there is none.
    """
    keys = tuple(
        _parse_root_key(line.strip(), environment)
        for line in text.reveal().splitlines()
        if line.strip()
    )
    if not keys:
        raise KeyStoreError(f"the secret {ROOT_KEY_NAME!r} is empty")
    return keys


def root_key_environment(text: str) -> str | None:
    """Return the environment in a text's first root key, or None."""
    parts = text.strip().split("\n", 1)[0].strip().split(".")
    return (
        parts[1]
        if len(parts) == 4 and parts[0] == _ROOT_PREFIX and _ENVIRONMENT.fullmatch(parts[1])
        else None
    )


def _parse_root_key(line: str, environment: str) -> DataKey:
    key: DataKey | None = None
    parts = line.split(".")
    if len(parts) == 4 and parts[0] == _ROOT_PREFIX:
        if parts[1] != environment:
            raise WrongEnvironmentError(
                "the root key belongs to another environment than this service, which runs as"
                f" {environment!r}: give each environment a root key of its own"
            )
        try:
            key = DataKey(
                UUID(hex=parts[2]),
                Purpose.ROOT,
                Secret(base64.b64decode(parts[3], altchars=b"-_", validate=True)),
            )
        except (ValueError, binascii.Error):
            key = None
    if key is None:
        raise KeyStoreError(
            f"the secret {ROOT_KEY_NAME!r} holds no root key of the form"
            f" {_ROOT_PREFIX}.<environment>.<id>.<key>"
        )
    return key
