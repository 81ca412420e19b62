"""Short-lived keys for test messages of probes.

They are keys of the real key store, since a probe of anything else would prove nothing about it.
Each purpose has one, which serves a month and is destroyed then: a key for each run would leave a
tombstone for each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import CryptoError, KeyStoreError, ServiceState
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_value import KeyLookup, open_sealed
from theseller.crypto.timestamped_secrets import creation_time
from theseller.key_rotation.types import PROBE_OWNER

#: Every purpose that a key store makes keys for.
PURPOSES = tuple(purpose for purpose in Purpose if purpose is not Purpose.ROOT)
_RENEWED_AFTER = timedelta(days=30)
_UNUSED_AFTER = timedelta(hours=1)


def ephemeral_keys(
    context: ProbeContext, store: KeyStore
) -> tuple[Mapping[Purpose, DataKey], tuple[Purpose, ...]]:
    """Return a live key of `store` for each purpose, and damaged purposes.

    A purpose is damaged if what the store has for it is damaged or is something else's.

    Raises:
        KeyStoreError: the store does not answer, or even its list is damaged.
    """
    known: dict[Purpose, list[KeyRecord]] = {purpose: [] for purpose in PURPOSES}
    for one in store.list():
        if one.owner == PROBE_OWNER and one.purpose in known and not one.destroyed:
            known[one.purpose].append(one)
    keys: dict[Purpose, DataKey] = {}
    damaged: list[Purpose] = []
    for purpose, records in known.items():
        try:
            keys[purpose] = _key(context, store, purpose, records)
        except KeyStoreError as error:
            if error.state is not ServiceState.DAMAGED:
                raise
            damaged.append(purpose)
    return keys, tuple(damaged)


def ephemeral_key(context: ProbeContext, store: KeyStore, purpose: Purpose) -> DataKey:
    """Return a live key of `store` for one purpose.

    Raises:
        KeyStoreError: it cannot give one.
    """
    known = [
        one
        for one in store.list()
        if one.owner == PROBE_OWNER and one.purpose is purpose and not one.destroyed
    ]
    return _key(context, store, purpose, known)


def probe_encryption_context(purpose: Purpose, environment: str) -> EncryptionContext:
    """Return an encryption context in which no stored value is sealed."""
    return EncryptionContext(NO_TENANT, "probe", "message", "thrown away", purpose, environment)


def can_open(keys: KeyLookup, place: EncryptionContext, sealed: bytes) -> bool:
    """Return whether a message opens in an encryption context.

    Raises:
        KeyStoreError: the key store cannot answer, which is no refusal.
    """
    try:
        open_sealed(keys, place, sealed)
    except CryptoError as error:
        if hasattr(error, "state"):
            raise
        return False
    return True


class KeyRing:
    """Keys of one's own choice, found by their ids."""

    def __init__(self, *keys: DataKey) -> None:
        self._keys = {key.id: key for key in keys}

    def get(self, key_id: object, /) -> DataKey:
        """Return the key.

        Raises:
            KeyError: it was not put here: the caller chose wrongly.
        """
        return self._keys[key_id]  # type: ignore[index]


def _key(
    context: ProbeContext, store: KeyStore, purpose: Purpose, known: list[KeyRecord]
) -> DataKey:
    """Return the newest of the known keys, or a new one if that is old.

    Older ones are destroyed when no probe can be using them.
    """
    made = creation_time(known[-1].id) if known else None
    if made is None or context.at - made > _RENEWED_AFTER:
        return store.create(purpose, PROBE_OWNER)
    key = store.get(known[-1].id)
    for one in known[:-1] if context.at - made > _UNUSED_AFTER else ():
        store.destroy(one.id)
    return key
