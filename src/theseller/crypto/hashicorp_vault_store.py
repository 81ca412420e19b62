"""OpenBao or HashiCorp Vault as secret provider and key store.

Needs the extra ``theseller[vault]``. Where things are stored, for the environment ``production``::

    <kv-v2 mount>/theseller/production/secrets/<name>   value: a secret of the deployment
    <kv-v2 mount>/theseller/production/keys/<id>        file: a key file, wrapped by transit
    <kv-v2 mount>/theseller/production/destroyed/<id>   file: a tombstone
    <transit mount>/theseller-production-<purpose>      the purpose key; never leaves the service

Transit binds what it wraps to ID, owner, purpose and environment by associated data.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from theseller.crypto.errors import CannotOpenError, SecretNotFoundError, ServiceError, ServiceState
from theseller.crypto.hashicorp_vault_client import VaultClient, VaultResponse, json_body
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import KEY_BYTES, Purpose
from theseller.crypto.service_key_store import (
    KeyFolder,
    ServiceKeyStore,
    StoredKeyFile,
    wrapping_context,
)
from theseller.crypto.text_secret_validation import checked_for_storing, checked_name, text_secret
from theseller.lib.secret_type import Secret


class _KeyValue:
    """One folder of a kv-v2 mount: values of one field each."""

    def __init__(self, client: VaultClient, field_name: str) -> None:
        self._client = client
        self._field = field_name
        self._mount = client.where.kv_mount
        self._folder = f"theseller/{client.where.environment}"

    def read(self, path: str) -> tuple[Secret, datetime] | None:
        """Return the newest value and when it was written."""
        answer = self._client.call("get", self._path("data", path))
        if answer.status == 404 and not answer.body.get("errors"):
            return None
        return self._value(answer, path)

    def _value(self, answer: VaultResponse, path: str) -> tuple[Secret, datetime]:
        try:
            at = datetime.fromisoformat(answer.body["data"]["metadata"]["created_time"])
            return Secret(str(answer.body["data"]["data"][self._field])), at
        except (KeyError, TypeError, ValueError):
            raise self._unusable(answer, path) from None

    def write(self, path: str, value: Secret, *, only_new: bool) -> bool:
        """Store a value; return False if `only_new` and there is one."""
        body = json_body(data={self._field: value.reveal()}, options={"cas": 0} if only_new else {})
        answer = self._client.call("post", self._path("data", path), body)
        if answer.status == 400 and "check-and-set" in " ".join(
            map(str, answer.body.get("errors", ()))
        ):
            return False
        if answer.status >= 300 or "version" not in (answer.body.get("data") or {}):
            raise self._unusable(answer, path)
        return True

    def replace(self, path: str, value: Secret, *, over: tuple[Secret, datetime]) -> bool:
        """Replace exactly the value that was read as `over`, and destroy it.

        Returns False if the value has changed meanwhile.
        """
        answer = self._client.call("get", self._path("data", path))
        if answer.status == 404 or self._value(answer, path) != over:
            return False
        version = answer.body["data"]["metadata"]["version"]
        body = json_body(data={self._field: value.reveal()}, options={"cas": version})
        written = self._client.call("post", self._path("data", path), body)
        if written.status == 400:
            return False
        answer = self._client.call(
            "put", self._path("destroy", path), json_body(versions=[version])
        )
        if answer.status >= 300:
            raise self._unusable(answer, path)
        return True

    def destroy_older_versions(self, path: str) -> None:
        """Destroy every version but the newest.

        Finishes a replacement that was interrupted.
        """
        answer = self._client.call("get", self._path("metadata", path))
        if answer.status == 404:
            return  # erased meanwhile
        newest, versions = answer.body["data"]["current_version"], answer.body["data"]["versions"]
        older = [
            int(number)
            for number, version in versions.items()
            if int(number) < newest and not version["destroyed"]
        ]
        if older:
            answer = self._client.call(
                "put", self._path("destroy", path), json_body(versions=older)
            )
            if answer.status >= 300:
                raise self._unusable(answer, path)

    def erase(self, path: str) -> None:
        """Remove every version of the value, and its metadata."""
        answer = self._client.call("delete", self._path("metadata", path))
        if answer.status >= 300:
            raise self._unusable(answer, path)

    def limit_to_one_version(self, path: str) -> None:
        """Let a new value replace the old one for good (the default keeps ten)."""
        answer = self._client.call("post", self._path("metadata", path), json_body(max_versions=1))
        if answer.status >= 300:
            raise self._unusable(answer, path)

    def names(self, path: str) -> list[str]:
        answer = self._client.call("list", self._path("metadata", path))
        if answer.status == 404 and not answer.body.get("errors"):
            return []
        try:
            return [str(name) for name in answer.body["data"]["keys"]]
        except (KeyError, TypeError):
            raise self._unusable(answer, path) from None

    def _path(self, kind: str, path: str) -> str:
        return f"{self._mount}/{kind}/{self._folder}/{path}"

    def _unusable(self, answer: VaultResponse, path: str) -> ServiceError:
        if answer.status < 300 and "data" in (answer.body.get("data") or {}):
            return ServiceError(
                f"{self._folder}/{path} in the key service has no field `{self._field}`",
                ServiceState.DAMAGED,
            )
        return self._client.missing(f"kv mount of version 2 named {self._mount!r}")


class VaultSecretProvider:
    """The deployment's secrets in kv-v2, one version each."""

    def __init__(self, client: VaultClient) -> None:
        self._values = _KeyValue(client, "value")

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: there is none of this name.
            SecretProviderError: the service is unavailable, or has no secret text there.
        """
        found = self._values.read(f"secrets/{checked_name(name)}")
        if found is None:
            raise SecretNotFoundError(
                f"no secret {name!r} with the key service: `theseller secrets put {name}` asks"
                " for it"
            )
        return text_secret(name, found[0].reveal_bytes(), "the key service")

    def put(self, name: str, secret: Secret) -> None:
        """Store `secret` under `name`; the old one is destroyed."""
        path = f"secrets/{checked_name(name)}"
        self._values.limit_to_one_version(path)
        self._values.write(path, checked_for_storing(name, secret), only_new=False)

    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:
        """Return the secret; `generate` it if there is none yet.

        All processes get the same one.
        """
        path = f"secrets/{checked_name(name)}"
        if self._values.read(path) is None:
            self._values.write(
                path, checked_for_storing(name, generate()), only_new=True
            )  # False: another process was faster
            self._values.limit_to_one_version(path)
        return self.get(name)

    def remove(self, name: str) -> None:
        """Destroy the secret, every version. Idempotent."""
        self._values.erase(f"secrets/{checked_name(name)}")

    def written_at(self, name: str) -> datetime | None:
        """Return when the secret was last written, or None (the service's clock)."""
        found = self._values.read(f"secrets/{checked_name(name)}")
        return None if found is None else found[1]


class VaultKeyFileStorage:
    """Key files in kv-v2."""

    def __init__(self, client: VaultClient) -> None:
        self._values = _KeyValue(client, "file")

    def read(self, folder: KeyFolder, key_id: UUID, /) -> StoredKeyFile | None:
        """Return the file's content and the time Vault wrote it, or None."""
        found = self._values.read(f"{folder}/{key_id}")
        return None if found is None else StoredKeyFile(found[0].reveal_bytes(), found[1])

    def add(self, folder: KeyFolder, key_id: UUID, content: bytes, /) -> bool:
        """Write a new file; return False if the ID exists."""
        return self._values.write(f"{folder}/{key_id}", Secret(content), only_new=True)

    def replace(self, key_id: UUID, content: bytes, *, over: StoredKeyFile) -> bool:
        """Replace exactly the file that was read as `over`.

        Returns False, and changes nothing, if the file has changed meanwhile. The old one is
        destroyed: a file keeps one version from its first replacement on.
        """
        return self._values.replace(
            f"{KeyFolder.KEYS}/{key_id}",
            Secret(content),
            over=(Secret(over.content), over.written_at),
        )

    def destroy_older_versions(self, key_id: UUID, /) -> None:
        """Destroy the versions of a key file before its replacement."""
        self._values.destroy_older_versions(f"{KeyFolder.KEYS}/{key_id}")

    def erase(self, key_id: UUID, /) -> None:
        """Delete the key's file with all its versions."""
        self._values.erase(f"{KeyFolder.KEYS}/{key_id}")

    def ids(self, folder: KeyFolder, /) -> set[UUID]:
        """Return the IDs of the files in the folder, subfolders left out."""
        return {UUID(name) for name in self._values.names(folder) if not name.endswith("/")}

    def contents(self, folder: KeyFolder, /) -> Mapping[UUID, StoredKeyFile]:
        """Return the files of the folder, read one at a time."""
        found = {key_id: self.read(folder, key_id) for key_id in self.ids(folder)}
        return {key_id: stored for key_id, stored in found.items() if stored is not None}


class TransitKeyWrapper:
    """Wrap keys with one transit key per purpose."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client

    def make(self, record: KeyRecord, /) -> tuple[Secret, bytes]:
        """Return 32 random bytes of this machine, plain and wrapped by Transit."""
        material = Secret(os.urandom(KEY_BYTES))
        return material, self.wrap(record, material)

    def wrap(self, record: KeyRecord, material: Secret) -> bytes:
        """Return `material` wrapped by the newest version of its purpose key."""
        answer = self._call("encrypt", record, Secret(base64.b64encode(material.reveal_bytes())))
        if answer is None or "ciphertext" not in answer:
            raise self._missing(record)
        return str(answer["ciphertext"]).encode()

    def open(self, record: KeyRecord, wrapped: bytes, /) -> Secret:
        """Return the key that Transit decrypts for this record.

        Raises:
            CannotOpenError: Transit does not decrypt it, or its answer is not Base64.
        """
        answer = self._call("decrypt", record, Secret(wrapped.decode(errors="replace")))
        if answer is None:
            raise CannotOpenError
        try:
            return Secret(base64.b64decode(answer["plaintext"], validate=True))
        except (KeyError, TypeError, binascii.Error):
            raise CannotOpenError from None

    def identity(self, purpose: Purpose, /) -> str:
        """Return the transit key's path, which is its only name."""
        return f"{self._client.where.transit_mount}/keys/{self._named(purpose)}"

    def _call(self, verb: str, record: KeyRecord, text: Secret) -> Mapping[str, Any] | None:
        """Return the response's data.

        None if the service rejects the ciphertext, or its context.
        """
        context = base64.b64encode(
            wrapping_context(record, self._client.where.environment).canonical()
        ).decode()
        path = f"{self._client.where.transit_mount}/{verb}/{self._name(record)}"
        field = "plaintext" if verb == "encrypt" else "ciphertext"
        answer = self._client.call(
            "post", path, json_body(**{field: text.reveal()}, associated_data=context)
        )
        said = " ".join(map(str, answer.body.get("errors") or ()))
        if answer.status == 404 or "key not found" in said:
            raise self._missing(record)
        return None if answer.status >= 300 else answer.body.get("data") or {}

    def _name(self, record: KeyRecord) -> str:
        return self._named(record.purpose)

    def _named(self, purpose: Purpose | None) -> str:
        return f"theseller-{self._client.where.environment}-{str(purpose).replace('_', '-')}"

    def _missing(self, record: KeyRecord) -> ServiceError:
        return self._client.missing(
            f"transit key {self._client.where.transit_mount}/{self._name(record)}"
        )


def vault_key_store(client: VaultClient) -> ServiceKeyStore:
    """Return the key store of this service.

    Raises:
        ServiceError: it is unavailable.
    """
    return ServiceKeyStore(VaultKeyFileStorage(client), TransitKeyWrapper(client))
