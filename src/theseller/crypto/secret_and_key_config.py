"""Configuration of secret provider and key store: parse, check, create."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TypeVar

from theseller.crypto.aws_client import AwsAddress, AwsClient
from theseller.crypto.aws_secrets_and_keys import AwsSecretProvider, aws_key_store
from theseller.crypto.environment_secrets import EnvironmentSecretProvider
from theseller.crypto.errors import SecretNotFoundError
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.hashicorp_vault_client import VaultAddress, VaultClient, VaultCredentials
from theseller.crypto.hashicorp_vault_key_rotation import TransitRotation
from theseller.crypto.hashicorp_vault_store import VaultSecretProvider, vault_key_store
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import checked_environment
from theseller.crypto.secret_provider_protocol import SecretProvider, WritableSecretProvider
from theseller.lib.secret_type import Secret

PROVIDER = "THESELLER_SECRET_PROVIDER"
KEY_STORE = "THESELLER_KEY_STORE"
ALLOW_FILES = "THESELLER_ALLOW_FILE_SECRETS"

#: Variables that hosts without a disk of their own set: what is written there is lost with the
#: instance.
_DISKLESS = ("VERCEL", "AWS_LAMBDA_FUNCTION_NAME")
_YES = {"yes", "1", "true"}
_Kind = TypeVar("_Kind", bound=StrEnum)
_Address = TypeVar("_Address", VaultAddress, AwsAddress)


class InvalidSecretConfigError(ValueError):
    """A variable is missing or invalid. The message names it and its values."""


class ProviderKind(StrEnum):
    """Where the deployment's own secrets come from."""

    FILES = "files"
    ENVIRONMENT = "environment"
    VAULT = "vault"
    AWS = "aws"


class StoreKind(StrEnum):
    """Where data keys are stored.

    The environment can't be one: a new key could be neither stored nor destroyed there.
    """

    FILES = "files"
    VAULT = "vault"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class SecretConfig:
    """The parsed configuration.

    An address is set if one of the kinds needs it.
    """

    environment: str
    state: Path
    provider: ProviderKind
    key_store: StoreKind
    vault: VaultAddress | None = None
    aws: AwsAddress | None = None

    @property
    def in_files(self) -> bool:
        """Whether secrets or keys are in files of the state folder."""
        return ProviderKind.FILES is self.provider or StoreKind.FILES is self.key_store


def parse_secret_config(
    environ: Mapping[str, str], *, environment: str, state: Path, guarded: bool
) -> SecretConfig:
    """Parse and check the variables.

    `guarded` deployments (production, staging) store nothing in files unless told to.

    Raises:
        InvalidSecretConfigError: a variable is invalid; the message names it and its values.
    """
    provider = _one_of(ProviderKind, environ.get(PROVIDER) or ProviderKind.FILES, PROVIDER)
    same = StoreKind.FILES if provider is ProviderKind.ENVIRONMENT else StoreKind(provider)
    store = _one_of(StoreKind, environ.get(KEY_STORE) or same, KEY_STORE)
    if guarded:
        _refuse_files(environ, provider, store)
    diskless = [name for name in _DISKLESS if environ.get(name)]
    if diskless and StoreKind.FILES in {store.value, provider.value}:
        raise InvalidSecretConfigError(
            f"this host has no lasting disk ({diskless[0]} is set), so keys in files would be lost,"
            f" and with them what they sealed: set {KEY_STORE} to vault or aws, and {PROVIDER} to"
            " environment, vault or aws"
        )
    kinds = {provider.value, store.value}
    return SecretConfig(
        environment=checked_environment(environment),
        state=state,
        provider=provider,
        key_store=store,
        vault=_vault_address(environ, environment) if "vault" in kinds else None,
        aws=_aws_address(environ, environment) if "aws" in kinds else None,
    )


def make_secret_provider(
    config: SecretConfig, environ: Mapping[str, str]
) -> WritableSecretProvider:
    """Return the configured provider. A service is called at first use only."""
    if config.provider is ProviderKind.ENVIRONMENT:
        return EnvironmentSecretProvider(environ)
    if config.provider is ProviderKind.VAULT:
        return VaultSecretProvider(_vault_client(config, environ))
    if config.provider is ProviderKind.AWS:
        return AwsSecretProvider(_aws_client(_required(config.aws)))
    return FileSecretProvider(config.state / "secrets")


def make_key_store(
    config: SecretConfig, secrets: SecretProvider, environ: Mapping[str, str]
) -> KeyStore:
    """Return the configured key store; it finishes interrupted work.

    `secrets` provides the root key to a store in files only.

    Raises:
        KeyStoreError: it is unavailable; call again later.
        SecretNotFoundError, WrongEnvironmentError: there is no root key, or it is another
            environment's.
    """
    if config.key_store is StoreKind.VAULT:
        return vault_key_store(_vault_client(config, environ))
    if config.key_store is StoreKind.AWS:
        return aws_key_store(_aws_client(_required(config.aws)))
    return FileKeyStore(config.state / "keys", secrets, environment=config.environment)


def make_purpose_rotation(
    config: SecretConfig, environ: Mapping[str, str]
) -> TransitRotation | None:
    """Return what rotates the key service's purpose keys.

    None if they are in files (`file_key_store_rotation`) or AWS rotates them itself.
    """
    return (
        TransitRotation(_vault_client(config, environ))
        if config.key_store is StoreKind.VAULT
        else None
    )


def for_environment(config: SecretConfig, environment: str) -> SecretConfig:
    """Return the same configuration for another environment's name.

    A deployment with it must find nothing of ours; a control tests that.
    """
    vault = replace(config.vault, environment=environment) if config.vault else None
    aws = replace(config.aws, environment=environment) if config.aws else None
    return replace(config, environment=checked_environment(environment), vault=vault, aws=aws)


def vault_credentials(environ: Mapping[str, str]) -> VaultCredentials:
    """Return the credentials for OpenBao or Vault: a token, or an AppRole.

    They come from variables, files or systemd credentials.

    Raises:
        SecretNotFoundError: there is neither.
        SecretProviderError: a file cannot be read.
    """
    given = EnvironmentSecretProvider(environ)
    token, secret_id = _or_none(given, "vault-token"), _or_none(given, "vault-secret-id")
    role_id = environ.get("THESELLER_VAULT_ROLE_ID", "")
    if token is None and (secret_id is None or not role_id):
        raise SecretNotFoundError(
            "nothing to sign in to the key service with: set THESELLER_VAULT_TOKEN_FILE, or"
            " THESELLER_VAULT_ROLE_ID and THESELLER_VAULT_SECRET_ID_FILE"
        )
    return VaultCredentials(token=token, role_id=role_id, secret_id=secret_id)


def _refuse_files(environ: Mapping[str, str], provider: ProviderKind, store: StoreKind) -> None:
    if environ.get(ALLOW_FILES, "no") in _YES:
        return
    in_files = [
        name for name, kind in ((PROVIDER, provider), (KEY_STORE, store)) if kind.value == "files"
    ]
    if in_files:
        raise InvalidSecretConfigError(
            f"{' and '.join(in_files)} would keep secrets in files of this machine: use vault or"
            f" aws (docs/operate/secrets.md), or set {ALLOW_FILES}=yes if a machine that only you"
            " administer is enough"
        )


def _vault_address(environ: Mapping[str, str], environment: str) -> VaultAddress:
    try:
        return VaultAddress(
            address=environ.get("THESELLER_VAULT_ADDRESS", ""),
            environment=environment,
            kv_mount=environ.get("THESELLER_VAULT_KV_MOUNT") or "secret",
            transit_mount=environ.get("THESELLER_VAULT_TRANSIT_MOUNT") or "transit",
            approle_mount=environ.get("THESELLER_VAULT_APPROLE_MOUNT") or "approle",
            namespace=environ.get("THESELLER_VAULT_NAMESPACE", ""),
            certificate_authority=environ.get("THESELLER_VAULT_CA_FILE", ""),
            timeout_seconds=_timeout(environ),
        )
    except InvalidSecretConfigError:
        raise
    except ValueError as error:
        raise InvalidSecretConfigError(f"THESELLER_VAULT_ADDRESS {error}") from None


def _aws_address(environ: Mapping[str, str], environment: str) -> AwsAddress:
    region = (
        environ.get("THESELLER_AWS_REGION")
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or ""
    )
    if not region:
        raise InvalidSecretConfigError(
            "THESELLER_AWS_REGION must name the region of the keys and secrets, such as"
            " eu-central-1"
        )
    try:
        return AwsAddress(
            region, environment, environ.get("THESELLER_AWS_ENDPOINT", ""), _timeout(environ)
        )
    except InvalidSecretConfigError:
        raise
    except ValueError as error:
        raise InvalidSecretConfigError(f"THESELLER_AWS_ENDPOINT {error}") from None


def _timeout(environ: Mapping[str, str]) -> float:
    text = environ.get("THESELLER_SECRETS_TIMEOUT_SECONDS") or "5"
    seconds = float(text) if text.replace(".", "", 1).isdigit() else 0.0
    if not 0.1 <= seconds <= 60:
        raise InvalidSecretConfigError(
            "THESELLER_SECRETS_TIMEOUT_SECONDS must be a number from 0.1 to 60"
        )
    return seconds


def _vault_client(config: SecretConfig, environ: Mapping[str, str]) -> VaultClient:
    return VaultClient(_required(config.vault), lambda: vault_credentials(environ))


@cache
def _aws_client(where: AwsAddress) -> AwsClient:
    """Return the client that provider and key store share.

    boto3 reads megabytes of service descriptions for each new one.
    """
    return AwsClient(where)


def _required(address: _Address | None) -> _Address:
    if address is None:
        raise InvalidSecretConfigError(
            "a choice of vault or aws comes with its address: make it by read_choice"
        )
    return address


def _one_of(kind: type[_Kind], value: str, name: str) -> _Kind:
    try:
        return kind(value)
    except ValueError:
        raise InvalidSecretConfigError(f"{name} must be one of {', '.join(kind)}") from None


def _or_none(provider: EnvironmentSecretProvider, name: str) -> Secret | None:
    try:
        return provider.get(name)
    except SecretNotFoundError:
        return None
