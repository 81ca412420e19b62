"""Sections 4 and 5: what lies under which key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.file_key_store import PURPOSE_KEY
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.key_file_format import KeyRecord, encode
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.seal_value import seal
from theseller.lib.ids import new_id


def _keys_folder() -> Path:
    return Path(settings.ENVIRONMENT.state) / "keys"


def _newest(purpose: Purpose) -> Path:
    return max((_keys_folder() / "purpose" / purpose.value).glob("*.json"))


@breaks("pii-separate-key", "puts the token key's file in the place of the personal data key's")
def _replaced(_tools: Tools) -> Iterator[None]:
    pii = _newest(Purpose.PII)
    before = pii.read_bytes()
    pii.write_bytes(_newest(Purpose.REFRESH_TOKEN).read_bytes())
    yield
    pii.write_bytes(before)


@breaks(
    "pii-separate-key", "lets the token key wrap the personal data keys as well, under another name"
)
def _twice(_tools: Tools) -> Iterator[None]:
    store = RotatableKeyStore(
        _keys_folder(), settings.SECRETS, environment=settings.ENVIRONMENT.kind.value
    )
    token = store._purpose_key(Purpose.REFRESH_TOKEN, UUID(_newest(Purpose.REFRESH_TOKEN).stem))
    record = KeyRecord(new_id(), Purpose.PII, PURPOSE_KEY, None)
    wrapped = seal(
        store._roots()[0],
        store._context(Purpose.PII.value, record.id, Purpose.ROOT, PURPOSE_KEY),
        token.material,
    )
    added = _newest(Purpose.PII).with_name(f"{record.id}.json")
    shutil.copy2(_newest(Purpose.PII), added)
    added.write_bytes(encode(record, wrapped))
    yield
    added.unlink()


@breaks("pii-separate-key", "seals without binding what a message is for")
def _unbound(tools: Tools) -> Iterator[None]:
    original = EncryptionContext.canonical

    def careless(place: EncryptionContext) -> bytes:
        if place.table == "keystore":
            return original(place)
        return original(
            EncryptionContext(
                place.tenant,
                place.table,
                place.column,
                place.row,
                Purpose.SESSION,
                place.environment,
            )
        )

    tools.patch.setattr(EncryptionContext, "canonical", careless)
    yield


@breaks("pii-separate-key", "gives every purpose the same data key")
def _same(tools: Tools) -> Iterator[None]:
    original = RotatableKeyStore.get
    one = new_data_key(Purpose.SESSION)

    def careless(store: RotatableKeyStore, key_id: UUID) -> DataKey:
        return DataKey(key_id, original(store, key_id).purpose, one.material)

    tools.patch.setattr(RotatableKeyStore, "get", careless)
    yield
