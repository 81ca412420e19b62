"""The ways to keep secrets and keys that the conformance suite runs over.

Each is set up as a deployment would have it: by variables.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from tests.integration.crypto.services import Bao, Line, Moto, Wire, answer

from theseller.crypto.environment_secrets import write_bundle
from theseller.crypto.errors import ServiceState
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import Purpose
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key
from theseller.crypto.secret_and_key_config import (
    make_key_store,
    make_secret_provider,
    parse_secret_config,
)
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.crypto.service_key_store import KeyFolder
from theseller.lib.secret_type import Secret

#: What a fault makes of the service while it lasts, and the state that the errors then name.
Fault = tuple[Callable[[], contextlib.AbstractContextManager[None]], ServiceState]


@dataclass(frozen=True)
class Deployment:
    """One deployment. `environ` is all its configuration, so that another process can be made."""

    name: str
    state: Path
    environ: dict[str, str]
    faults: dict[str, Fault] = field(default_factory=dict)
    raw: RawShelf | None = None
    writes_secrets: bool = True

    def store(self, environment: str = "test") -> KeyStore:
        choice = parse_secret_config(
            self.environ, environment=environment, state=self.state, guarded=False
        )
        return make_key_store(choice, make_secret_provider(choice, self.environ), self.environ)

    def provider(self, environment: str = "test") -> WritableSecretProvider:
        return make_secret_provider(
            parse_secret_config(
                self.environ, environment=environment, state=self.state, guarded=False
            ),
            self.environ,
        )

    def with_environment(self, **changes: str) -> Deployment:
        return Deployment(
            self.name,
            self.state,
            {**self.environ, **changes},
            self.faults,
            self.raw,
            self.writes_secrets,
        )


class RawShelf:
    """What is stored in the service itself, without our own code.

    To check whether it is deleted, and to tamper with it.
    """

    def read(
        self, key_id: UUID, folder: KeyFolder = KeyFolder.KEYS, environment: str = "test"
    ) -> str | None:
        raise NotImplementedError

    def write(
        self,
        key_id: UUID,
        content: str,
        folder: KeyFolder = KeyFolder.KEYS,
        environment: str = "test",
    ) -> None:
        raise NotImplementedError

    def everything(self) -> str:
        raise NotImplementedError


class RawFiles(RawShelf):
    def __init__(self, state: Path) -> None:
        self._keys = state / "keys"

    def _path(self, key_id: UUID, folder: KeyFolder) -> Path:
        return self._keys / ("data" if folder is KeyFolder.KEYS else "destroyed") / f"{key_id}.json"

    def read(
        self,
        key_id: UUID,
        folder: KeyFolder = KeyFolder.KEYS,
        environment: str = "test",  # noqa: ARG002
    ) -> str | None:
        path = self._path(key_id, folder)
        return path.read_text() if path.exists() else None

    def write(
        self,
        key_id: UUID,
        content: str,
        folder: KeyFolder = KeyFolder.KEYS,
        environment: str = "test",  # noqa: ARG002
    ) -> None:
        path = self._path(key_id, folder)
        path.touch(mode=0o600)
        path.write_text(content)

    def everything(self) -> str:
        return "".join(path.read_text() for path in self._keys.rglob("*.json"))


class RawBao(RawShelf):
    def __init__(self, bao: Bao) -> None:
        self._bao = bao

    def read(
        self, key_id: UUID, folder: KeyFolder = KeyFolder.KEYS, environment: str = "test"
    ) -> str | None:
        found = self._bao.call("GET", f"secret/data/theseller/{environment}/{folder}/{key_id}")
        versions = self._bao.call(
            "GET", f"secret/metadata/theseller/{environment}/{folder}/{key_id}"
        )
        if versions["status"] == 404:
            assert found["status"] == 404
            return None
        return str(found["data"]["data"]["file"])

    def write(
        self,
        key_id: UUID,
        content: str,
        folder: KeyFolder = KeyFolder.KEYS,
        environment: str = "test",
    ) -> None:
        done = self._bao.call(
            "POST",
            f"secret/data/theseller/{environment}/{folder}/{key_id}",
            {"data": {"file": content}},
        )
        assert done["status"] == 200

    def everything(self) -> str:
        names = self._bao.call("LIST", "secret/metadata/theseller/test/keys")["data"]["keys"]
        return json.dumps(
            [self._bao.call("GET", f"secret/data/theseller/test/keys/{name}") for name in names]
        )


class RawMoto(RawShelf):
    def __init__(self, moto: Moto) -> None:
        self._secrets, self._parameters = moto.client("secretsmanager"), moto.client("ssm")

    def read(
        self, key_id: UUID, folder: KeyFolder = KeyFolder.KEYS, environment: str = "test"
    ) -> str | None:
        if folder is KeyFolder.KEYS:
            with contextlib.suppress(self._secrets.exceptions.ResourceNotFoundException):
                return str(
                    self._secrets.get_secret_value(
                        SecretId=f"theseller/{environment}/keys/{key_id}"
                    )["SecretString"]
                )
            return None
        with contextlib.suppress(self._parameters.exceptions.ParameterNotFound):
            return str(
                self._parameters.get_parameter(Name=f"/theseller/{environment}/destroyed/{key_id}")[
                    "Parameter"
                ]["Value"]
            )
        return None

    def write(
        self,
        key_id: UUID,
        content: str,
        folder: KeyFolder = KeyFolder.KEYS,
        environment: str = "test",
    ) -> None:
        if folder is KeyFolder.DESTROYED:
            name = f"/theseller/{environment}/destroyed/{key_id}"
            self._parameters.put_parameter(Name=name, Value=content, Type="String", Overwrite=True)
            return
        name = f"theseller/{environment}/keys/{key_id}"
        if self.read(key_id, folder, environment) is None:
            self._secrets.create_secret(Name=name, SecretString=content)
        else:
            self._secrets.put_secret_value(SecretId=name, SecretString=content)

    def everything(self) -> str:
        found = self._secrets.list_secrets()["SecretList"]
        return "".join(
            self._secrets.get_secret_value(SecretId=one["ARN"])["SecretString"] for one in found
        )


def files(folder: Path) -> Deployment:
    """The default: everything in files."""
    FileSecretProvider(folder / "secrets").ensure(ROOT_KEY_NAME, lambda: new_root_key("test"))
    return Deployment("files", folder, {"THESELLER_SECRET_PROVIDER": "files"}, raw=RawFiles(folder))


def variables(folder: Path) -> Deployment:
    """Secrets in one variable, the rest in systemd's credentials.

    Keys are in files, as on a machine with a disk.
    """
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / "given").write_text("by systemd\n")
    environ = {
        "THESELLER_SECRET_PROVIDER": "environment",
        "THESELLER_SECRETS": (
            write_bundle(
                {ROOT_KEY_NAME: new_root_key("test"), "bundled": Secret("in one variable")}
            ).reveal()
        ),
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    return Deployment("variables", folder, environ, raw=RawFiles(folder), writes_secrets=False)


def vault(folder: Path, bao: Bao, wire: Wire, approle: dict[str, str]) -> Deployment:
    """OpenBao over TLS, signed in to by AppRole, under the documented policy; its line can be broken."""
    (folder / "secret-id").write_text(approle["secret_id"])
    environ = {
        "THESELLER_SECRET_PROVIDER": "vault",
        "THESELLER_VAULT_ADDRESS": f"https://127.0.0.1:{wire.port}",
        "THESELLER_VAULT_CA_FILE": str(bao.certificate),
        "THESELLER_VAULT_ROLE_ID": approle["role_id"],
        "THESELLER_VAULT_SECRET_ID_FILE": str(folder / "secret-id"),
        "THESELLER_SECRETS_TIMEOUT_SECONDS": "20",
    }

    @contextlib.contextmanager
    def sealed() -> Iterator[None]:
        bao.seal()
        try:
            yield
        finally:
            bao.unseal()

    @contextlib.contextmanager
    def stopped() -> Iterator[None]:
        bao.stop()
        try:
            yield
        finally:
            bao.start()
            bao.unseal()

    @contextlib.contextmanager
    def policy_deleted() -> Iterator[None]:
        policy = bao.call("GET", "sys/policies/acl/theseller-test")["data"]["policy"]
        bao.call(
            "PUT",
            "sys/policies/acl/theseller-test",
            {"policy": 'path "nowhere" { capabilities = ["deny"] }'},
        )
        try:
            yield
        finally:
            bao.call("PUT", "sys/policies/acl/theseller-test", {"policy": policy})

    faults: dict[str, Fault] = {
        "sealed": (sealed, ServiceState.SEALED),
        "stopped": (stopped, ServiceState.UNREACHABLE),
        "denied": (policy_deleted, ServiceState.DENIED),
        **_line_faults(wire),
    }
    return Deployment("vault", folder, environ, faults, RawBao(bao))


def aws(folder: Path, moto: Moto, wire: Wire) -> Deployment:
    """KMS, Secrets Manager and Parameter Store of moto.

    A gateway in between answers what moto does not implement.
    """
    environ = {
        "THESELLER_SECRET_PROVIDER": "aws",
        "THESELLER_AWS_REGION": "eu-central-1",
        "THESELLER_AWS_ENDPOINT": f"http://127.0.0.1:{wire.port}",
        "THESELLER_SECRETS_TIMEOUT_SECONDS": "20",
    }

    def says(code: str) -> Callable[[], contextlib.AbstractContextManager[None]]:
        return lambda: wire.broken(
            Line.ANSWERED,
            answer("400 Bad Request", {"__type": code, "message": "canned"}, "Connection: close"),
        )

    faults: dict[str, Fault] = {
        "sealed": (says("DisabledException"), ServiceState.SEALED),
        "denied": (says("AccessDeniedException"), ServiceState.DENIED),
        "expired": (says("ExpiredTokenException"), ServiceState.DENIED),
        "busy": (says("ThrottlingException"), ServiceState.BUSY),
        **_line_faults(wire),
    }
    return Deployment("aws", folder, environ, faults, RawMoto(moto))


def _line_faults(wire: Wire) -> dict[str, Fault]:
    return {
        "slow": (lambda: wire.broken(Line.SILENT), ServiceState.SLOW),
        "gone": (lambda: wire.broken(Line.CUT), ServiceState.UNREACHABLE),
        "dropped": (lambda: wire.broken(Line.DROPPED), ServiceState.UNREACHABLE),
    }


def alias(purpose: Purpose, environment: str = "test") -> str:
    return f"alias/theseller-{environment}-{purpose.value.replace('_', '-')}"


def quiet_credentials() -> dict[str, str]:
    """Credentials that moto takes; the machine's own, if it has any, are kept out of tests."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
