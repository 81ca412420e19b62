"""Rotate purpose keys in OpenBao or Vault while they are in use.

Transit keeps the versions of a key side by side: new keys are wrapped by the newest, and older
versions still open what they wrapped. So: `rotate`, `rewrap` until nothing is under an older
version, `retire`. Each may be interrupted and called again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

from theseller.crypto.errors import KeyStoreError, ServiceState
from theseller.crypto.hashicorp_vault_client import VaultClient, json_body
from theseller.crypto.hashicorp_vault_store import TransitKeyWrapper, VaultKeyFileStorage
from theseller.crypto.key_file_format import KeyRecord, decode, encode
from theseller.crypto.key_types import Purpose
from theseller.crypto.service_key_store import KeyFolder

_VERSION = re.compile(rb"vault:v([0-9]+):")


class TransitRotation:
    """Rotate purpose keys. Needs the policy's lines for ``transit/keys``."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client
        self._storage = VaultKeyFileStorage(client)
        self._wrapper = TransitKeyWrapper(client)

    def newest(self, purpose: Purpose) -> int:
        """Return the newest version's number of a purpose key, from 1."""
        answer = self._client.call("get", self._path(purpose))
        if answer.status == 404:
            raise self._client.missing(f"transit key {self._path(purpose)}")
        return int(answer.body["data"]["latest_version"])

    def oldest_made_at(self, purpose: Purpose) -> datetime:
        """Return when the oldest usable version was created (service's clock)."""
        answer = self._client.call("get", self._path(purpose))
        if answer.status == 404:
            raise self._client.missing(f"transit key {self._path(purpose)}")
        data = answer.body["data"]
        return datetime.fromtimestamp(int(data["keys"][str(data["min_decryption_version"])]), UTC)

    def rotate(self, purpose: Purpose) -> int:
        """Create a new version, which wraps from now on, and return its number."""
        self._change(purpose, "/rotate")
        return self.newest(purpose)

    def under_older(self, purpose: Purpose) -> tuple[UUID, ...]:
        """Return the IDs of data keys that an older version wraps.

        Check this before `retire`.
        """
        newest = self.newest(purpose)
        return tuple(
            key_id
            for key_id, (_, wrapped) in self._keys(purpose).items()
            if _version(wrapped) < newest
        )

    def rewrap(self, purpose: Purpose) -> int:
        """Wrap all data keys by the newest version; return how many changed.

        The keys themselves stay the same.
        """
        done = 0
        for key_id in self.under_older(purpose):
            stored = self._storage.read(KeyFolder.KEYS, key_id)
            if stored is None:
                continue  # destroyed meanwhile
            file = decode(key_id, stored.content)
            wrapped = self._wrapper.wrap(file.record, self._wrapper.open(file.record, file.wrapped))
            # Replace only the version that was read: a key destroyed meanwhile must not reappear.
            done += self._storage.replace(key_id, encode(file.record, wrapped), over=stored)
        return done

    def retire(self, purpose: Purpose) -> None:
        """Destroy replaced key files and reject older versions.

        Raises:
            KeyStoreError: a data key is still under an older version; rewrap first.
        """
        left = self.under_older(purpose)
        if left:
            raise KeyStoreError(
                f"{len(left)} data keys for {purpose} are still under an older key: rewrap them"
                " first",
                ServiceState.BUSY,
            )
        for key_id in self._keys(purpose):
            self._storage.destroy_older_versions(
                key_id
            )  # `rewrap` does it too, unless it was killed between the two calls.
        self._change(purpose, "/config", min_decryption_version=self.newest(purpose))

    def _keys(self, purpose: Purpose) -> dict[UUID, tuple[KeyRecord, bytes]]:
        files = {
            key_id: decode(key_id, stored.content)
            for key_id, stored in self._storage.contents(KeyFolder.KEYS).items()
        }
        return {
            key_id: (file.record, file.wrapped)
            for key_id, file in files.items()
            if file.record.purpose is purpose
        }

    def _change(self, purpose: Purpose, verb: str, **fields: object) -> None:
        answer = self._client.call("post", self._path(purpose) + verb, json_body(**fields))
        if answer.status >= 300:
            raise self._client.missing(f"transit key {self._path(purpose)}")

    def _path(self, purpose: Purpose) -> str:
        where, name = self._client.where, purpose.value.replace("_", "-")
        return f"{where.transit_mount}/keys/theseller-{where.environment}-{name}"


def _version(wrapped: bytes) -> int:
    found = _VERSION.match(wrapped)
    return int(found.group(1)) if found else 0
