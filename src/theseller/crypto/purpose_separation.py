"""What wraps the keys of each purpose, told apart without showing it: two purposes must never have the same."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from theseller.crypto.keys import DataKey, Purpose
from theseller.crypto.keystore import FileKeyStore, KeyStore
from theseller.crypto.rewrap import RotatableKeyStore
from theseller.crypto.service_key_store import ServiceKeyStore

_LABEL = b"theseller/fingerprint/v1"


def without_cache(store: KeyStore) -> KeyStore:
    """Return the same store as a process sees it that starts now: nothing that was read before is believed."""
    return RotatableKeyStore.of(store) if isinstance(store, FileKeyStore) else store


def purpose_identities(store: KeyStore) -> Mapping[Purpose, frozenset[str]]:
    """Return what names the purpose keys of each purpose: in files a one-way fingerprint of their material, with a service its name for them.

    Raises:
        KeyStoreError: a purpose key can't be opened, or the service does not answer.
    """
    if isinstance(store, FileKeyStore):
        return RotatableKeyStore.of(store).describe_purpose_keys(_fingerprint)
    if isinstance(store, ServiceKeyStore):
        return {purpose: frozenset({store.identity(purpose)}) for purpose in Purpose if purpose is not Purpose.ROOT}
    raise TypeError("a key store that can't tell its purposes apart")


def _fingerprint(key: DataKey) -> str:
    return hmac.digest(key.material.reveal_bytes(), _LABEL, hashlib.sha256).hex()
