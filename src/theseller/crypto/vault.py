"""OpenBao, or HashiCorp Vault, as secret provider and key store. Needs the extra ``theseller[vault]``.

What lies where, for the environment ``production``::

    <kv-v2 mount>/theseller/production/secrets/<name>      value: a secret of the deployment
    <kv-v2 mount>/theseller/production/keys/<id>           file: a key file, its key wrapped by transit
    <kv-v2 mount>/theseller/production/destroyed/<id>      file: a tombstone
    <transit mount>/theseller-production-<purpose>         the purpose key; it never leaves, and binds what it wraps by
                                                           associated data to id, owner, purpose and environment
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from theseller.crypto.errors import CannotOpenError, SecretNotFoundError, ServiceError, ServiceState
from theseller.crypto.keyfile import KeyRecord
from theseller.crypto.keys import KEY_BYTES, checked_environment
from theseller.crypto.providers import checked_name, text_secret
from theseller.crypto.services import PerProcess, checked_address, library
from theseller.crypto.wrapped import Folder, Kept, ServiceKeyStore, wrapping_place
from theseller.lib.secret import Secret

#: Calls that change nothing are made again once when the connection breaks: a kept-alive one may have been closed meanwhile.
_READING = {"get", "list"}
_STATES = {
    403: (ServiceState.DENIED, "refuses our token, or its policy lacks this path: renew the token, or widen the policy"),
    429: (ServiceState.BUSY, "asks for fewer calls: wait, or raise its quota"),
    501: (ServiceState.NOT_SET_UP, "was never initialised: `bao operator init`"),
    503: (ServiceState.SEALED, "is sealed: `bao operator unseal`; nothing is lost, and we go on when it is open"),
}


@dataclass(frozen=True, slots=True)
class VaultCredentials:
    """A token, or an AppRole's id and secret."""

    token: Secret | None = None
    role_id: str = ""
    secret_id: Secret | None = None


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """Where the service is. `certificate_authority` is a file of certificates to trust instead of the system's.

    Raises:
        ValueError: the address is not https (or this machine's own), or the environment is no name of one.
    """

    address: str
    environment: str
    kv_mount: str = "secret"
    transit_mount: str = "transit"
    approle_mount: str = "approle"
    namespace: str = ""
    certificate_authority: str = ""
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        checked_address(self.address)
        checked_environment(self.environment)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Mapping[str, Any] = field(repr=False)


class VaultClient:
    """Calls the service, signs in when it must, and says every failure as a `ServiceError` that quotes nothing of the call."""

    def __init__(self, where: VaultAddress, credentials: Callable[[], VaultCredentials]) -> None:
        """Sign in at the first call. `credentials` is asked again when the service refuses the token, which an agent may renew."""
        self.where = where
        self._credentials = credentials
        self._clients = PerProcess(self._new_client)

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> _Answer:
        """Return the answer with a status below 300, of 400 or of 404; any other raises ServiceError."""
        client = self._clients.get()
        if not client.token:
            self._sign_in(client)
        used = client.token
        answer = self._attempt(client, method, path, body)
        if answer.status == 403:
            if client.token == used:  # else another thread has just signed in again
                self._sign_in(client)
            if client.token != used:
                answer = self._attempt(client, method, path, body)
        return self._checked(answer)

    def missing(self, what: str) -> ServiceError:
        """Return the error for something that the operator has yet to make there."""
        return ServiceError(f"the key service {self.where.address} has no {what}: see docs/operate/secrets.md", ServiceState.NOT_SET_UP)

    def _new_client(self) -> Any:  # noqa: ANN401 - hvac has no types
        hvac, adapters = library("hvac", "vault"), library("hvac.adapters", "vault")
        client = hvac.Client(
            url=self.where.address,
            token="",
            verify=self.where.certificate_authority or True,
            timeout=self.where.timeout_seconds,
            namespace=self.where.namespace or None,
            allow_redirects=False,  # the token would travel along, to whatever host is named
            adapter=adapters.RawAdapter,
        )
        client.session.trust_env = False  # neither a proxy nor a netrc of the environment sees the token
        return client

    def _sign_in(self, client: Any) -> None:  # noqa: ANN401 - hvac has no types
        given = self._credentials()
        if given.token is not None:
            client.token = given.token.reveal()
        elif given.secret_id is not None:
            body = {"role_id": given.role_id, "secret_id": given.secret_id.reveal()}
            client.token = ""
            answer = self._attempt(client, "post", f"auth/{self.where.approle_mount}/login", body)
            if answer.status == 400:
                answer = _Answer(403, {})  # a wrong or expired secret id
            client.token = str(self._checked(answer).body["auth"]["client_token"])

    def _attempt(self, client: Any, method: str, path: str, body: Mapping[str, object] | None) -> _Answer:  # noqa: ANN401 - hvac has no types
        failure: ServiceError | None = None
        for _ in range(2 if method in _READING else 1):
            try:
                response = client.adapter.request(method, f"/v1/{path}", json=body, raise_exception=False)
                return _Answer(response.status_code, _object(response))
            except OSError as error:  # every error of `requests` is one
                failure = self._failure(error)
            if failure.state is not ServiceState.UNREACHABLE:
                break
        # Raised here and not above: the library's error holds the request, and with it the token and the body.
        raise failure if failure is not None else AssertionError("an attempt ends with an answer or a failure")

    def _failure(self, error: OSError) -> ServiceError:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        service = f"the key service {self.where.address}"
        if "Timeout" in kinds:
            return ServiceError(
                f"{service} did not answer within {self.where.timeout_seconds:g} s: nothing is known; try again", ServiceState.SLOW
            )
        if "SSLError" in kinds or not Path(self.where.certificate_authority or "/").exists():
            return ServiceError(
                f"{service} shows no certificate that we trust: name its authority's file in THESELLER_VAULT_CA_FILE",
                ServiceState.UNREACHABLE,
            )
        return ServiceError(
            f"{service} cannot be reached: is it running, and is this its address? We go on when it is back", ServiceState.UNREACHABLE
        )

    def _checked(self, answer: _Answer) -> _Answer:
        if answer.status < 300 or answer.status in {400, 404}:
            return answer
        state, advice = _STATES.get(answer.status, (ServiceState.UNREACHABLE, f"answers with status {answer.status}: look at its log"))
        if 300 <= answer.status < 400:
            state, advice = ServiceState.NOT_SET_UP, "sends us elsewhere: name the address of the active node itself"
        raise ServiceError(f"the key service {self.where.address} {advice}", state)


def _object(response: Any) -> Mapping[str, Any]:  # noqa: ANN401 - hvac has no types
    try:
        found = response.json() if response.content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _KeyValue:
    """One folder of a kv-v2 mount: values of one field each."""

    def __init__(self, client: VaultClient, field_name: str) -> None:
        self._client = client
        self._field = field_name
        self._mount = client.where.kv_mount
        self._folder = f"theseller/{client.where.environment}"

    def read(self, path: str) -> tuple[str, datetime] | None:
        """Return the newest value and when it was written."""
        answer = self._client.call("get", self._path("data", path))
        if answer.status == 404 and not answer.body.get("errors"):
            return None
        try:
            found = answer.body["data"]
            return str(found["data"][self._field]), datetime.fromisoformat(found["metadata"]["created_time"])
        except (KeyError, TypeError, ValueError):
            raise self._unusable(answer, path) from None

    def write(self, path: str, value: str, *, only_new: bool) -> bool:
        """Keep a value; False if there is one and only a new one was to be made."""
        body: dict[str, object] = {"data": {self._field: value}, "options": {"cas": 0} if only_new else {}}
        answer = self._client.call("post", self._path("data", path), body)
        if answer.status == 400 and "check-and-set" in " ".join(map(str, answer.body.get("errors", ()))):
            return False
        if answer.status >= 300 or "version" not in (answer.body.get("data") or {}):
            raise self._unusable(answer, path)
        return True

    def erase(self, path: str) -> None:
        """Remove every version of the value, and that there ever was one."""
        answer = self._client.call("delete", self._path("metadata", path))
        if answer.status >= 300:
            raise self._unusable(answer, path)

    def keep_one_version(self, path: str) -> None:
        """Let a new value push out the old one for good, instead of nine more being kept."""
        answer = self._client.call("post", self._path("metadata", path), {"max_versions": 1})
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

    def _unusable(self, answer: _Answer, path: str) -> ServiceError:
        if answer.status < 300 and "data" in (answer.body.get("data") or {}):
            return ServiceError(f"{self._folder}/{path} in the key service has no field `{self._field}`", ServiceState.DAMAGED)
        return self._client.missing(f"kv mount of version 2 named {self._mount!r}")


class VaultSecretProvider:
    """Secrets of the deployment in kv-v2, one version each: what is replaced is gone."""

    def __init__(self, client: VaultClient) -> None:
        self._values = _KeyValue(client, "value")

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: there is none of this name.
            SecretProviderError: the service cannot answer, or holds no secret text there.
        """
        found = self._values.read(f"secrets/{checked_name(name)}")
        if found is None:
            raise SecretNotFoundError(f"no secret {name!r} with the key service: `theseller secrets put {name}` asks for it")
        return text_secret(name, found[0].encode(), "the key service")

    def put(self, name: str, secret: Secret) -> None:
        """Keep `secret` under `name`; what was there is destroyed."""
        path = f"secrets/{checked_name(name)}"
        self._values.keep_one_version(path)
        self._values.write(path, _kept_text(name, secret), only_new=False)

    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:
        """Return the secret, made by `generate` if there is none yet. All processes get the same one."""
        path = f"secrets/{checked_name(name)}"
        if self._values.read(path) is None:
            self._values.write(path, _kept_text(name, generate()), only_new=True)  # False: another process was faster
            self._values.keep_one_version(path)
        return self.get(name)

    def remove(self, name: str) -> None:
        """Destroy the secret, every version; harmless if there is none."""
        self._values.erase(f"secrets/{checked_name(name)}")

    def written_at(self, name: str) -> datetime | None:
        """Return when the secret was last written, by the service's clock; None if there is none."""
        found = self._values.read(f"secrets/{checked_name(name)}")
        return None if found is None else found[1]


class VaultShelf:
    """Key files in kv-v2."""

    def __init__(self, client: VaultClient) -> None:
        self._values = _KeyValue(client, "file")

    def read(self, folder: Folder, key_id: UUID, /) -> Kept | None:
        found = self._values.read(f"{folder}/{key_id}")
        return None if found is None else Kept(found[0].encode(), found[1])

    def add(self, folder: Folder, key_id: UUID, content: bytes, /) -> bool:
        return self._values.write(f"{folder}/{key_id}", content.decode(), only_new=True)

    def erase(self, key_id: UUID, /) -> None:
        self._values.erase(f"{Folder.KEYS}/{key_id}")

    def ids(self, folder: Folder, /) -> set[UUID]:
        return {UUID(name) for name in self._values.names(folder) if not name.endswith("/")}

    def contents(self, folder: Folder, /) -> Mapping[UUID, Kept]:
        found = {key_id: self.read(folder, key_id) for key_id in self.ids(folder)}
        return {key_id: kept for key_id, kept in found.items() if kept is not None}


class TransitWrapper:
    """Wraps with a transit key for each purpose, which the service never gives away."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client

    def make(self, record: KeyRecord, /) -> tuple[Secret, bytes]:
        material = Secret(os.urandom(KEY_BYTES))
        answer = self._call("encrypt", record, {"plaintext": base64.b64encode(material.reveal_bytes()).decode()})
        if answer is None or "ciphertext" not in answer:
            raise self._missing(record)
        return material, str(answer["ciphertext"]).encode()

    def open(self, record: KeyRecord, wrapped: bytes, /) -> Secret:
        answer = self._call("decrypt", record, {"ciphertext": wrapped.decode(errors="replace")})
        if answer is None:
            raise CannotOpenError
        try:
            return Secret(base64.b64decode(answer["plaintext"], validate=True))
        except (KeyError, TypeError, binascii.Error):
            raise CannotOpenError from None

    def _call(self, verb: str, record: KeyRecord, body: dict[str, object]) -> Mapping[str, Any] | None:
        """Return the answer's data, or None if the service says that this is not its ciphertext, or not in this context."""
        context = base64.b64encode(wrapping_place(record, self._client.where.environment).canonical()).decode()
        path = f"{self._client.where.transit_mount}/{verb}/{self._name(record)}"
        answer = self._client.call("post", path, {**body, "associated_data": context})
        said = " ".join(map(str, answer.body.get("errors") or ()))
        if answer.status == 404 or "key not found" in said:
            raise self._missing(record)
        return None if answer.status >= 300 else answer.body.get("data") or {}

    def _name(self, record: KeyRecord) -> str:
        return f"theseller-{self._client.where.environment}-{str(record.purpose).replace('_', '-')}"

    def _missing(self, record: KeyRecord) -> ServiceError:
        return self._client.missing(f"transit key {self._client.where.transit_mount}/{self._name(record)}")


def vault_key_store(client: VaultClient) -> ServiceKeyStore:
    """Return the key store of this service. Raises ServiceError if it cannot answer now."""
    return ServiceKeyStore(VaultShelf(client), TransitWrapper(client))


def _kept_text(name: str, secret: Secret) -> str:
    return text_secret(name, secret.reveal_bytes(), "what was given").reveal()
