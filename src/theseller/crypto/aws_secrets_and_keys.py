"""AWS as secret provider and key store.

Needs the extra ``theseller[aws]``. Where things are stored, for the environment ``production``::

    Secrets Manager   theseller/production/secrets/<name>    a secret of the deployment
    Secrets Manager   theseller/production/keys/<id>         a key file, its key wrapped by KMS
    Parameter Store   /theseller/production/destroyed/<id>   a tombstone: no material, no cost
    KMS               alias/theseller-production-<purpose>   the purpose key; never leaves KMS

KMS binds what it wraps to ID, owner, purpose and environment by its encryption context. CloudTrail
records the contexts: whose key was used when, by which role.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from theseller.crypto.aws_client import AwsClient
from theseller.crypto.errors import (
    CannotOpenError,
    KeyStoreError,
    SecretNotFoundError,
    ServiceError,
    ServiceState,
)
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import KEY_BYTES, Purpose
from theseller.crypto.service_key_store import KeyFolder, ServiceKeyStore, StoredKeyFile
from theseller.crypto.text_secret_validation import checked_for_storing, checked_name, text_secret
from theseller.lib.secret_type import Secret

#: BatchGetSecretValue's most (Secrets Manager API reference).
_BATCH = 20
#: Secrets Manager deletes asynchronously, even without a recovery window: number and interval of
#: checks.
_DELETION_CHECKS, _DELETION_CHECK_SECONDS = 10, 0.3


class AwsSecretProvider:
    """Secrets of the deployment in Secrets Manager."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client
        self._prefix = f"theseller/{client.where.environment}/secrets/"

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: there is none of this name.
            SecretProviderError: the service cannot answer, or holds no secret text there.
        """
        answer = self._read(name)
        if answer is None:
            raise SecretNotFoundError(
                f"no secret {name!r} in AWS Secrets Manager: `theseller secrets put {name}` asks"
                " for it"
            )
        return text_secret(
            name, str(answer.get("SecretString", "")).encode(), "AWS Secrets Manager"
        )

    def put(self, name: str, secret: Secret) -> None:
        """Store `secret` under `name`.

        AWS keeps the previous one as AWSPREVIOUS until the next change.

        Raises:
            ServiceError: AWS is deleting a secret of this name.
        """
        if not self._create(name, checked_for_storing(name, secret)):
            changed = self._client.call(
                "secretsmanager", "put_secret_value", SecretId=self._id(name), SecretString=secret
            )
            if changed is None:
                raise ServiceError(
                    f"secret {name!r} is being deleted in AWS: try again in a minute",
                    ServiceState.BUSY,
                )

    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:
        """Return the secret; `generate` it if there is none yet.

        All processes get the same one.
        """
        if self._read(name) is None:
            self._create(
                name, checked_for_storing(name, generate())
            )  # False: another process was faster
        return self.get(name)

    def remove(self, name: str) -> None:
        """Delete the secret without a recovery window. Idempotent."""
        self._client.call(
            "secretsmanager",
            "delete_secret",
            SecretId=self._id(name),
            ForceDeleteWithoutRecovery=True,
        )

    def written_at(self, name: str) -> datetime | None:
        """Return when the secret was last written, by AWS's clock, or None."""
        answer = self._read(name)
        return (
            None if answer is None else answer["CreatedDate"].astimezone(UTC)
        )  # of this version, not of the secret

    def _create(self, name: str, secret: Secret) -> bool:
        return (
            self._client.call(
                "secretsmanager", "create_secret", Name=self._id(name), SecretString=secret
            )
            is not None
        )

    def _read(self, name: str) -> Mapping[str, Any] | None:
        return self._client.call("secretsmanager", "get_secret_value", SecretId=self._id(name))

    def _id(self, name: str) -> str:
        return self._prefix + checked_name(name)


class AwsKeyFileStorage:
    """Key files in Secrets Manager, tombstones in Parameter Store."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client
        self._keys = f"theseller/{client.where.environment}/keys/"
        self._tombstones = f"/theseller/{client.where.environment}/destroyed/"

    def read(self, folder: KeyFolder, key_id: UUID, /) -> StoredKeyFile | None:
        """Return the key file or tombstone of `key_id`, or None."""
        if folder is KeyFolder.KEYS:
            answer = self._client.call(
                "secretsmanager", "get_secret_value", SecretId=f"{self._keys}{key_id}"
            )
            return None if answer is None else _stored_secret(answer)
        answer = self._client.call("ssm", "get_parameter", Name=f"{self._tombstones}{key_id}")
        return None if answer is None else _stored_parameter(answer["Parameter"])

    def add(self, folder: KeyFolder, key_id: UUID, content: bytes, /) -> bool:
        """Create a secret or parameter; return False if the name exists."""
        text = content.decode()
        if folder is KeyFolder.KEYS:
            answer = self._client.call(
                "secretsmanager", "create_secret", Name=f"{self._keys}{key_id}", SecretString=text
            )
        else:
            name = f"{self._tombstones}{key_id}"
            answer = self._client.call(
                "ssm", "put_parameter", Name=name, Value=text, Type="String", Overwrite=False
            )
        return answer is not None

    def erase(self, key_id: UUID, /) -> None:
        """Delete the secret without a recovery window and wait for the deletion.

        Raises:
            KeyStoreError: AWS still returns the secret after three seconds.
        """
        name = f"{self._keys}{key_id}"
        self._client.call(
            "secretsmanager", "delete_secret", SecretId=name, ForceDeleteWithoutRecovery=True
        )
        for _ in range(_DELETION_CHECKS):
            if self._client.call("secretsmanager", "get_secret_value", SecretId=name) is None:
                return
            time.sleep(_DELETION_CHECK_SECONDS)
        raise KeyStoreError(f"key {key_id} was deleted, and AWS still gives it: destroy it again")

    def ids(self, folder: KeyFolder, /) -> set[UUID]:
        """Return the IDs of all keys, or of all tombstones."""
        if folder is KeyFolder.KEYS:
            return {UUID(name.removeprefix(self._keys)) for name in self._names()}
        return set(self.contents(folder))

    def contents(self, folder: KeyFolder, /) -> Mapping[UUID, StoredKeyFile]:
        """Return all files of the folder.

        Secrets are read in batches, which omit a secret that is deleted meanwhile.
        """
        if folder is KeyFolder.DESTROYED:
            path = self._tombstones.rstrip("/")
            found = self._client.pages("ssm", "get_parameters_by_path", "Parameters", Path=path)
            return {
                UUID(one["Name"].removeprefix(self._tombstones)): _stored_parameter(one)
                for one in found
            }
        names, kept = self._names(), {}
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            for one in self._client.pages(
                "secretsmanager", "batch_get_secret_value", "SecretValues", SecretIdList=batch
            ):
                kept[UUID(one["Name"].removeprefix(self._keys))] = _stored_secret(one)
        return kept

    def _names(self) -> list[str]:
        only = [{"Key": "name", "Values": [self._keys]}]
        found = self._client.pages(
            "secretsmanager", "list_secrets", "SecretList", Filters=only, MaxResults=100
        )
        return [one["Name"] for one in found if one["Name"].startswith(self._keys)]


class KmsKeyWrapper:
    """Wrap keys with one KMS key per purpose."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client

    def make(self, record: KeyRecord, /) -> tuple[Secret, bytes]:
        """Return a new data key of KMS, plain and wrapped.

        Raises:
            KeyStoreError: KMS returned no key of 32 bytes.
        """
        answer = self._client.call(
            "kms",
            "generate_data_key",
            KeyId=self._alias(record),
            NumberOfBytes=KEY_BYTES,
            EncryptionContext=self._context(record),
        )
        if answer is None or len(answer["Plaintext"]) != KEY_BYTES:
            raise KeyStoreError("AWS kms gave no data key")
        return Secret(answer["Plaintext"]), answer["CiphertextBlob"]

    def open(self, record: KeyRecord, wrapped: bytes, /) -> Secret:
        """Return the data key that KMS unwraps for this record.

        Raises:
            CannotOpenError: KMS did not wrap it, or wrapped it for another record.
        """
        answer = self._client.call(
            "kms",
            "decrypt",
            KeyId=self._alias(record),
            CiphertextBlob=wrapped,
            EncryptionContext=self._context(record),
        )
        if answer is None:
            raise CannotOpenError
        return Secret(answer["Plaintext"])

    def identity(self, purpose: Purpose, /) -> str:
        """Return the ARN of the KMS key behind the purpose's alias.

        Two aliases of one key return the same ARN.
        """
        answer = self._client.call("kms", "describe_key", KeyId=self._named(purpose))
        if answer is None:
            raise KeyStoreError(f"AWS kms has no {self._named(purpose)}", ServiceState.NOT_SET_UP)
        return str(answer["KeyMetadata"]["Arn"])

    def _alias(self, record: KeyRecord) -> str:
        return self._named(record.purpose)

    def _named(self, purpose: Purpose | None) -> str:
        return f"alias/theseller-{self._client.where.environment}-{str(purpose).replace('_', '-')}"

    def _context(self, record: KeyRecord) -> dict[str, str]:
        return {
            "theseller:environment": self._client.where.environment,
            "theseller:purpose": str(record.purpose),
            "theseller:owner": record.owner,
            "theseller:key": str(record.id),
        }


def aws_key_store(client: AwsClient) -> ServiceKeyStore:
    """Return the key store of this account and region.

    Raises:
        ServiceError: AWS is unavailable.
    """
    return ServiceKeyStore(AwsKeyFileStorage(client), KmsKeyWrapper(client))


def _stored_secret(answer: Mapping[str, Any]) -> StoredKeyFile:
    return StoredKeyFile(
        str(answer.get("SecretString", "")).encode(), answer["CreatedDate"].astimezone(UTC)
    )


def _stored_parameter(parameter: Mapping[str, Any]) -> StoredKeyFile:
    return StoredKeyFile(
        str(parameter["Value"]).encode(), parameter["LastModifiedDate"].astimezone(UTC)
    )
