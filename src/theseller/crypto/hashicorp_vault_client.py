"""Calls to OpenBao or HashiCorp Vault. Needs ``theseller[vault]``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theseller.crypto.errors import ServiceError, ServiceState
from theseller.crypto.key_service_client_helpers import PerProcess, checked_address, library
from theseller.crypto.key_types import checked_environment
from theseller.lib.secret_type import Secret

#: Safe methods are retried once if the connection breaks: a kept-alive one may have been closed.
_SAFE_METHODS = {"get", "list"}
_STATES = {
    403: (
        ServiceState.DENIED,
        "refuses our token, or its policy lacks {path}: renew the token, or widen the policy",
    ),
    429: (ServiceState.BUSY, "asks for fewer calls: wait, or raise its quota"),
    501: (ServiceState.NOT_SET_UP, "was never initialized: `bao operator init`"),
    503: (
        ServiceState.SEALED,
        "is sealed: `bao operator unseal`; nothing is lost, and work resumes when it is unsealed",
    ),
}


@dataclass(frozen=True, slots=True)
class VaultCredentials:
    """A token, or an AppRole's ID and secret."""

    token: Secret | None = None
    role_id: str = ""
    secret_id: Secret | None = None


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """The service's address.

    `certificate_authority` is a file of certificates to trust instead of the system's.

    Raises:
        ValueError: the address is not https (or this machine), or the environment's name is
            invalid.
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
class VaultResponse:
    """HTTP status and JSON body of a response; `repr` hides the body."""

    status: int
    body: Mapping[str, Any] = field(repr=False)


class VaultClient:
    """Call the service and sign in when needed.

    Every failure becomes a `ServiceError` that quotes nothing of the call.
    """

    def __init__(self, where: VaultAddress, credentials: Callable[[], VaultCredentials]) -> None:
        """Store address and credentials; sign in at the first call.

        `credentials` is called again when the service refuses the token, which an agent may renew.
        """
        self.where = where
        self._credentials = credentials
        self._clients = PerProcess(self._new_client)

    def call(self, method: str, path: str, body: Secret | None = None) -> VaultResponse:
        """Return the response if its status is below 300, 400 or 404.

        `body` is JSON (see `json_body`), as a `Secret`: an error report may print every variable.

        Raises:
            ServiceError: any other status, or no response.
        """
        client = self._clients.get()
        if not client.token:
            self._sign_in(client)
        used = Secret(client.token)
        answer = self._attempt(client, method, path, body)
        if answer.status == 403:
            if Secret(client.token) == used:  # otherwise another thread has just signed in again
                self._sign_in(client)
            if Secret(client.token) != used:
                answer = self._attempt(client, method, path, body)
        return self._checked(answer, path)

    def missing(self, what: str) -> ServiceError:
        """Return the error for something that the operator has yet to create."""
        return ServiceError(
            f"the key service {self.where.address} has no {what}: see docs/operate/secrets.md",
            ServiceState.NOT_SET_UP,
        )

    def _new_client(self) -> Any:  # noqa: ANN401
        hvac, adapters = library("hvac", "vault"), library("hvac.adapters", "vault")
        client = hvac.Client(
            url=self.where.address,
            token="",
            verify=self.where.certificate_authority or True,
            timeout=self.where.timeout_seconds,
            namespace=self.where.namespace or None,
            allow_redirects=False,  # a redirect would send the token to the host that it names
            adapter=adapters.RawAdapter,
        )
        client.session.trust_env = (
            False  # neither a proxy nor a netrc of the environment sees the token
        )
        return client

    def _sign_in(self, client: Any) -> None:  # noqa: ANN401
        given = self._credentials()
        if given.token is not None:
            client.token = given.token.reveal()
        elif given.secret_id is not None:
            client.token, path = "", f"auth/{self.where.approle_mount}/login"
            answer = self._attempt(
                client,
                "post",
                path,
                json_body(role_id=given.role_id, secret_id=given.secret_id.reveal()),
            )
            if answer.status == 400:
                answer = VaultResponse(403, {})  # a wrong or expired secret id
            client.token = str(self._checked(answer, path).body["auth"]["client_token"])

    def _attempt(
        self,
        client: Any,  # noqa: ANN401 - hvac has no types
        method: str,
        path: str,
        body: Secret | None,
    ) -> VaultResponse:
        failure: ServiceError | None = None
        for _ in range(2 if method in _SAFE_METHODS else 1):
            try:
                response = client.adapter.request(
                    method,
                    f"/v1/{path}",
                    data=None if body is None else body.reveal_bytes(),
                    raise_exception=False,
                )
                return VaultResponse(response.status_code, _object(response))
            except OSError as error:  # every error of `requests` is one
                failure = self._failure(error)
            if failure.state is not ServiceState.UNREACHABLE:
                break
        # Raised here and not above: the library's error holds the request, and with it the token
        # and the body.
        raise (
            failure
            if failure is not None
            else AssertionError("an attempt ends with an answer or a failure")
        )

    def _failure(self, error: OSError) -> ServiceError:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        service = f"the key service {self.where.address}"
        if "Timeout" in kinds:
            return ServiceError(
                f"{service} did not answer within {self.where.timeout_seconds:g} s: nothing is"
                " known; try again",
                ServiceState.SLOW,
            )
        if (
            "CERTIFICATE_VERIFY_FAILED" in str(error)
            or not Path(self.where.certificate_authority or "/").exists()
        ):
            return ServiceError(
                f"{service} shows no certificate that we trust: name its authority's file in"
                " THESELLER_VAULT_CA_FILE",
                ServiceState.UNREACHABLE,
            )
        return ServiceError(
            f"{service} cannot be reached: is it running, and is this its address? Work resumes"
            " when it is back",
            ServiceState.UNREACHABLE,
        )

    def _checked(self, answer: VaultResponse, path: str) -> VaultResponse:
        if answer.status < 300 or answer.status in {400, 404}:
            return answer
        state, advice = _STATES.get(
            answer.status,
            (ServiceState.UNREACHABLE, f"answers with status {answer.status}: check its log"),
        )
        if 300 <= answer.status < 400:
            state, advice = (
                ServiceState.NOT_SET_UP,
                "sends us elsewhere: name the address of the active node itself",
            )
        raise ServiceError(
            f"the key service {self.where.address} {advice.format(path=path)}", state
        )


def json_body(**fields: object) -> Secret:
    """Return the body of a call."""
    return Secret(json.dumps(fields))


def _object(response: Any) -> Mapping[str, Any]:  # noqa: ANN401
    try:
        found = response.json() if response.content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
