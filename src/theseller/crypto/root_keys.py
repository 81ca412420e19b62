"""Make and parse root keys, which wrap the purpose keys."""

from __future__ import annotations

import base64
import binascii
import os
from uuid import UUID

from theseller.crypto.errors import KeyStoreError, WrongEnvironmentError
from theseller.crypto.key_types import (
    ENVIRONMENT_NAME,
    KEY_BYTES,
    DataKey,
    Purpose,
    checked_environment,
)
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

#: The name under which a secret provider holds the root key.
ROOT_KEY_NAME = "root-key"
_ROOT_PREFIX = "theseller-root-1"


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
        if len(parts) == 4 and parts[0] == _ROOT_PREFIX and ENVIRONMENT_NAME.fullmatch(parts[1])
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
