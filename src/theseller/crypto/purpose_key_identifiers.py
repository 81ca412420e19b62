"""Identifiers of each purpose's keys, which prove that none is shared."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.service_key_store import ServiceKeyStore

_LABEL = b"theseller/fingerprint/v1"


def without_cache(store: KeyStore) -> KeyStore:
    """Return the store as a newly started process would see it."""
    return RotatableKeyStore.of(store) if isinstance(store, FileKeyStore) else store


def purpose_identities(store: KeyStore) -> Mapping[Purpose, frozenset[str]]:
    """Return identifiers of each purpose's keys.

    In files: a one-way fingerprint of the key's material. With a service: its name for the key.

    Raises:
        KeyStoreError: a purpose key can't be opened, or the service is unavailable.
        TypeError: the store has no purpose keys.
    """
    if isinstance(store, FileKeyStore):
        return RotatableKeyStore.of(store).describe_purpose_keys(_fingerprint)
    if isinstance(store, ServiceKeyStore):
        return {
            purpose: frozenset({store.identity(purpose)})
            for purpose in Purpose
            if purpose is not Purpose.ROOT
        }
    raise TypeError("a key store that can't tell its purposes apart")


def _fingerprint(key: DataKey) -> str:
    return hmac.digest(key.material.reveal_bytes(), _LABEL, hashlib.sha256).hex()
