"""A key service that is sealed, slow, refusing, busy or stopped.

The error says which, leaks nothing, and nothing is lost.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.crypto.deployments import Deployment
from tests.integration.crypto.services import Bao, Line, Wire, answer

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import (
    KeyDestroyedError,
    KeyStoreError,
    SecretProviderError,
    ServiceError,
    ServiceState,
)
from theseller.crypto.key_types import Purpose
from theseller.crypto.seal_value import open_sealed, seal
from theseller.crypto.secret_and_key_config import parse_secret_config
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

FAULTS = [
    *(("vault", fault) for fault in ("sealed", "denied", "slow", "gone", "dropped", "stopped")),
    *(
        ("aws", fault)
        for fault in ("sealed", "denied", "expired", "busy", "slow", "gone", "dropped")
    ),
]


@pytest.mark.parametrize(("deployment", "fault"), FAULTS, indirect=["deployment"])
def test_key_service_fault_is_reported_with_its_state_and_loses_no_key(
    deployment: Deployment, fault: str
) -> None:
    break_it, state = deployment.faults[fault]
    tiring = state in {ServiceState.SLOW, ServiceState.BUSY}
    hasty = (
        deployment.with_environment(THESELLER_SECRETS_TIMEOUT_SECONDS="1") if tiring else deployment
    )
    store, provider = hasty.store(), hasty.provider()
    key, doomed, destroyed = (
        store.create(Purpose.REFRESH_TOKEN, f"connection:{number}") for number in range(3)
    )
    store.destroy(destroyed.id)
    name = f"kept-{new_id().hex}"
    provider.put(name, Secret("canary-in-the-provider"))
    place = EncryptionContext(NO_TENANT, "a_table", "sealed", "1", Purpose.REFRESH_TOKEN, "test")
    sealed = seal(key, place, b"canary-under-the-key")

    asks: tuple[tuple[type[Exception], Callable[[], object]], ...] = (
        (KeyStoreError, lambda: store.get(key.id)),
        (KeyStoreError, lambda: store.get(destroyed.id)),  # not known to be destroyed either
        (KeyStoreError, lambda: store.exists(key.id)),
        (KeyStoreError, lambda: store.record(key.id)),
        (KeyStoreError, store.list),
        (KeyStoreError, lambda: store.create(Purpose.REFRESH_TOKEN, "connection:new")),
        (KeyStoreError, lambda: store.destroy(doomed.id)),
        (KeyStoreError, lambda: open_sealed(store, place, sealed)),
        (KeyStoreError, deployment.store),  # a process that starts now
        (SecretProviderError, lambda: provider.get(name)),
        (SecretProviderError, lambda: provider.put(name, Secret("canary-that-was-never-kept"))),
        (
            SecretProviderError,
            lambda: provider.ensure(name, lambda: Secret("canary-that-was-never-kept")),
        ),
        (SecretProviderError, lambda: provider.remove(name)),
    )
    with break_it():
        for kind, ask in (
            asks[::6] if tiring else asks
        ):  # each such answer costs a whole time-out, or AWS's own pause
            started = time.monotonic()
            with pytest.raises(kind) as caught:
                ask()
            assert time.monotonic() - started < 15
            assert isinstance(caught.value, ServiceError)
            assert caught.value.state is state
            _says_nothing_secret(caught.value, deployment)

    assert store.get(key.id) == key
    assert deployment.store().get(key.id) == key
    assert open_sealed(store, place, sealed) == Secret(b"canary-under-the-key")
    assert provider.get(name) == Secret("canary-in-the-provider")
    if not tiring:  # a call without an answer may or may not have been carried out
        assert store.get(doomed.id) == doomed
    with pytest.raises(KeyDestroyedError):
        store.get(destroyed.id)
    store.destroy(doomed.id)
    with pytest.raises(KeyDestroyedError):
        store.get(doomed.id)


def _says_nothing_secret(error: BaseException, deployment: Deployment) -> None:
    """Check everything that a log, a page or an error report could show of an error.

    Its text, its chain, and the variables of its frames.
    """
    assert error.__cause__ is None
    assert error.__context__ is None
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in trace.stack if "/src/theseller/" in frame.filename]
    shown = str(error) + "".join(f"{frame.locals}" for frame in ours)
    secret_id = deployment.environ.get("THESELLER_VAULT_SECRET_ID_FILE")
    assert "self" in shown  # the variables are in what is searched
    for secret in ("canary-", *([Path(secret_id).read_text()] if secret_id else [])):
        assert secret not in shown


# --- OpenBao's own
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_a_revoked_token_is_replaced_by_signing_in_again(deployment: Deployment, bao: Bao) -> None:
    store = deployment.store()
    key = store.create(Purpose.PII, "day:1")
    accessors = bao.call("LIST", "auth/token/accessors")["data"]["keys"]
    own = bao.call("GET", "auth/token/lookup-self")["data"]["accessor"]
    for accessor in set(accessors) - {own}:
        assert (
            bao.call("POST", "auth/token/revoke-accessor", {"accessor": accessor})["status"] == 204
        )
    assert store.get(key.id) == key


@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_a_wrong_secret_id_is_denied(deployment: Deployment) -> None:
    Path(deployment.environ["THESELLER_VAULT_SECRET_ID_FILE"]).write_text(str(new_id()))
    with pytest.raises(KeyStoreError, match="refuses our token") as caught:
        deployment.store()
    assert caught.value.state is ServiceState.DENIED


@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_a_token_file_is_read_again_when_it_is_refused(
    deployment: Deployment, bao: Bao, tmp_path: Path
) -> None:
    def token(*, of: str = "theseller-test") -> str:
        return str(
            bao.call("POST", "auth/token/create", {"policies": [of], "ttl": "10m"})["auth"][
                "client_token"
            ]
        )

    path = tmp_path / "token"
    path.write_text(token())
    environ = {
        name: value
        for name, value in deployment.environ.items()
        if "ROLE_ID" not in name and "SECRET_ID" not in name
    }
    by_token = Deployment("vault", tmp_path, {**environ, "THESELLER_VAULT_TOKEN_FILE": str(path)})
    store = by_token.store()
    key = store.create(Purpose.PII, "day:1")
    bao.call("POST", "auth/token/revoke", {"token": path.read_text()})
    with pytest.raises(KeyStoreError, match="refuses our token"):
        store.get(key.id)
    path.write_text(token())
    assert store.get(key.id) == key


@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_a_certificate_of_an_unknown_authority_is_refused(deployment: Deployment) -> None:
    untrusting = deployment.with_environment(THESELLER_VAULT_CA_FILE="")
    with pytest.raises(KeyStoreError, match="no certificate that we trust"):
        untrusting.store()


@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_missing_vault_key_or_mount_is_named_in_the_error(deployment: Deployment, bao: Bao) -> None:
    name = "transit/keys/theseller-test-mfa"
    store = deployment.store()
    key = store.create(Purpose.MFA, "x")
    bao.call("POST", f"{name}/config", {"deletion_allowed": True})
    bao.call("DELETE", name)
    try:
        with pytest.raises(
            KeyStoreError, match="has no transit key transit/theseller-test-mfa"
        ) as caught:
            store.get(key.id)
        assert caught.value.state is ServiceState.NOT_SET_UP
        with pytest.raises(
            KeyStoreError, match="policy lacks transit/encrypt/theseller-test-mfa"
        ):  # we may not make one
            store.create(Purpose.MFA, "x")
    finally:
        bao.call("POST", name, {"type": "aes256-gcm96"})
    bao.call("POST", "sys/mounts/older", {"type": "kv", "options": {"version": "1"}})
    bao.call(
        "PUT",
        "sys/policies/acl/anything",
        {"policy": 'path "*" { capabilities = ["create", "read", "update", "delete", "list"] }'},
    )
    token = bao.call("POST", "auth/token/create", {"policies": ["anything"]})["auth"][
        "client_token"
    ]
    for mount in ("older", "nowhere"):
        lost = deployment.with_environment(
            THESELLER_VAULT_KV_MOUNT=mount, THESELLER_VAULT_TOKEN=token
        )
        with pytest.raises(
            SecretProviderError, match=f"has no kv mount of version 2 named '{mount}'"
        ) as not_there:
            lost.provider().put("x", Secret("x"))
        assert not_there.value.state is ServiceState.NOT_SET_UP


@pytest.fixture
def elsewhere(bao: Bao) -> Iterator[Wire]:
    wire = Wire(bao.port)
    yield wire
    wire.close()


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (
            answer("307 Temporary Redirect", {}, "Location: http://127.0.0.1:1/v1/secret"),
            ServiceState.NOT_SET_UP,
        ),
        (answer("429 Too Many Requests", {"errors": ["canary"]}), ServiceState.BUSY),
        (answer("500 Internal Server Error", {"errors": ["canary"]}), ServiceState.UNREACHABLE),
        (answer("501 Not Implemented", {}), ServiceState.NOT_SET_UP),
        (answer("200 OK", ["canary"]), ServiceState.NOT_SET_UP),
        (
            answer("200 OK", {"data": {"data": {"other": "canary"}, "metadata": {}}}),
            ServiceState.DAMAGED,
        ),
    ],
    ids=["redirect", "busy", "failing", "never-initialised", "no-object", "another-field"],
)
@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_unexpected_responses_have_different_errors_and_are_never_quoted(
    deployment: Deployment, elsewhere: Wire, given: bytes, state: ServiceState
) -> None:
    """Answer as a node or gateway in between would, without TLS on this machine.

    A redirect is not followed, because the token would be sent along.
    """
    odd = Deployment(
        "vault",
        deployment.state,
        {
            "THESELLER_SECRET_PROVIDER": "vault",
            "THESELLER_VAULT_ADDRESS": f"http://127.0.0.1:{elsewhere.port}",
            "THESELLER_VAULT_TOKEN": "s.secret-token",
            "THESELLER_SECRETS_TIMEOUT_SECONDS": "2",
        },
    )
    with elsewhere.broken(Line.ANSWERED, given), pytest.raises(SecretProviderError) as caught:
        odd.provider().get("a-name")
    assert caught.value.state is state
    assert "canary" not in str(caught.value)
    assert "s.secret-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "THESELLER_VAULT_ADDRESS",
            "http://vault.example:8200",
            "must look like https://HOST:PORT",
        ),
        ("THESELLER_VAULT_ADDRESS", "https://user:password@vault.example", "no user or password"),
        ("THESELLER_VAULT_ADDRESS", "", "must look like https"),
        ("THESELLER_SECRETS_TIMEOUT_SECONDS", "soon", "number from 0.1 to 60"),
    ],
)
@pytest.mark.parametrize("deployment", ["vault"], indirect=True)
def test_an_address_over_which_secrets_may_not_travel_is_refused(
    deployment: Deployment, variable: str, value: str, sentence: str
) -> None:
    environ = {**deployment.environ, variable: value}
    with pytest.raises(ValueError, match=sentence) as caught:
        parse_secret_config(environ, environment="test", state=deployment.state, guarded=False)
    assert variable in str(caught.value)
    assert "password@" not in str(caught.value)
