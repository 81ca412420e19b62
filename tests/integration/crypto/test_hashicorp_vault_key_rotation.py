"""Purpose keys are replaced in OpenBao while processes continue.

Nothing is left under the old key, which is refused afterwards.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import threading

import pytest
from tests.integration.crypto.deployments import RawBao
from tests.integration.crypto.services import Bao, run_documented

from theseller.crypto.errors import KeyDestroyedError, KeyStoreError
from theseller.crypto.hashicorp_vault_client import VaultClient, VaultResponse
from theseller.crypto.hashicorp_vault_key_rotation import TransitRotation
from theseller.crypto.hashicorp_vault_store import VaultKeyFileStorage
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import Purpose
from theseller.crypto.secret_and_key_config import (
    SecretConfig,
    make_key_store,
    make_purpose_rotation,
    make_secret_provider,
    parse_secret_config,
    vault_credentials,
)
from theseller.crypto.service_key_store import KeyFolder
from theseller.lib.secret_type import Secret

# a folder of its own in the service: whatever other tests leave there, damaged keys included, is
# not in it
ENVIRONMENT = "rotating"


@pytest.fixture(scope="module")
def choice(
    bao: Bao, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SecretConfig, dict[str, str]]:
    """Return the choice of an environment that was set up as documented.

    Also the variables that it was read from.
    """
    folder = tmp_path_factory.mktemp("rotating")
    run_documented("vault-prepare", {**bao.environ, "THESELLER_ENV": ENVIRONMENT}, folder)
    environ = {
        "THESELLER_SECRET_PROVIDER": "vault",
        "THESELLER_VAULT_ADDRESS": bao.address,
        "THESELLER_VAULT_CA_FILE": str(bao.certificate),
        "THESELLER_VAULT_ROLE_ID": (folder / "vault-role-id").read_text().strip(),
        "THESELLER_VAULT_SECRET_ID_FILE": str(folder / "vault-secret-id"),
        "THESELLER_SECRETS_TIMEOUT_SECONDS": "20",
    }
    return (
        parse_secret_config(environ, environment=ENVIRONMENT, state=folder, guarded=True),
        environ,
    )


@pytest.fixture
def rotation(choice: tuple[SecretConfig, dict[str, str]]) -> TransitRotation:
    made = make_purpose_rotation(*choice)
    assert made is not None
    return made


@pytest.fixture
def store(choice: tuple[SecretConfig, dict[str, str]]) -> KeyStore:
    return make_key_store(choice[0], make_secret_provider(*choice), choice[1])


def test_a_purpose_key_is_replaced(store: KeyStore, rotation: TransitRotation, bao: Bao) -> None:
    purpose, raw = Purpose.SESSION, RawBao(bao)
    keys = [store.create(purpose, f"old:{number}") for number in range(3)]
    destroyed = store.create(purpose, "old:destroyed")
    store.destroy(destroyed.id)
    kept = raw.read(keys[0].id, environment=ENVIRONMENT)
    assert kept is not None
    before = rotation.newest(purpose)
    assert rotation.rotate(purpose) == before + 1
    late = store.create(purpose, "new")
    assert set(rotation.under_older(purpose)) == {key.id for key in keys}
    with pytest.raises(KeyStoreError, match="3 data keys for session are still under an older key"):
        rotation.retire(purpose)
    for key in keys:
        assert store.get(key.id) == key  # the old version still opens
    assert rotation.rewrap(purpose) == 3
    assert rotation.rewrap(purpose) == 0
    rotation.retire(purpose)
    for key in (*keys, late):
        assert store.get(key.id) == key
    with pytest.raises(KeyDestroyedError):
        store.get(destroyed.id)
    versions = bao.call("GET", f"secret/metadata/theseller/{ENVIRONMENT}/keys/{keys[0].id}")[
        "data"
    ]["versions"]
    assert [number for number, version in versions.items() if not version["destroyed"]] == ["2"]
    old = {"ciphertext": json.loads(_unbase64(json.loads(kept)["wrapped"]))}
    refused = bao.call("POST", f"transit/decrypt/theseller-{ENVIRONMENT}-session", old)
    assert refused["status"] == 400
    assert "too old" in " ".join(refused["errors"])


def _unbase64(text: str) -> str:
    return json.dumps(base64.b64decode(text).decode())


def test_vault_key_rotation_causes_no_read_errors(
    store: KeyStore, rotation: TransitRotation
) -> None:
    purpose = Purpose.TENANT_CONTEXT
    key = store.create(purpose, "read all the time")
    stop, errors, reads = threading.Event(), list[str](), [0]

    def read() -> None:
        while not stop.is_set():
            try:
                assert store.get(key.id) == key
                reads[0] += 1
            except Exception as error:  # noqa: BLE001
                errors.append(type(error).__name__)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        rotation.rotate(purpose)
        rotation.rewrap(purpose)
        rotation.retire(purpose)
    stop.set()
    reader.join(30)
    assert errors == []
    assert reads[0] > 3


def test_replacing_a_key_destroyed_in_the_meantime_does_not_restore_it(
    choice: tuple[SecretConfig, dict[str, str]], store: KeyStore
) -> None:
    where, environ = choice
    assert where.vault is not None
    shelf = VaultKeyFileStorage(VaultClient(where.vault, lambda: vault_credentials(environ)))
    key = store.create(Purpose.BACKUP, "backup:1")
    kept = shelf.read(KeyFolder.KEYS, key.id)
    assert kept is not None
    store.destroy(key.id)
    assert not shelf.replace(key.id, kept.content, over=kept)
    with pytest.raises(KeyDestroyedError):
        store.get(key.id)
    assert shelf.read(KeyFolder.KEYS, key.id) is None


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_interrupted_vault_key_rotation_is_completed_by_the_next_run(
    choice: tuple[SecretConfig, dict[str, str]],
    store: KeyStore,
    rotation: TransitRotation,
    bao: Bao,
    stride: int,
) -> None:
    """Kill it after one in `stride` of its calls, each time at another call of a key's six."""
    purpose = Purpose.PII
    keys = [store.create(purpose, f"day:{number}") for number in range(3)]
    calls = _forked_calls(choice, purpose, kill_at=None)
    # Each key takes six calls: with a stride of one the first, a middle and the last key are cut at
    # each of theirs, and so is what comes before and after.
    assert calls > 6 * len(keys)
    for call in range(0, calls, stride):
        assert _forked_calls(choice, purpose, kill_at=call) == -signal.SIGKILL
        rotation.rewrap(purpose)
        rotation.retire(purpose)
        assert rotation.under_older(purpose) == ()
        for key in keys:
            assert store.get(key.id) == key
            versions = bao.call("GET", f"secret/metadata/theseller/{ENVIRONMENT}/keys/{key.id}")[
                "data"
            ]["versions"]
            assert len([1 for version in versions.values() if not version["destroyed"]]) == 1
    assert rotation.oldest_made_at(purpose).tzinfo is not None
    for key in keys:
        store.destroy(key.id)


def _forked_calls(
    choice: tuple[SecretConfig, dict[str, str]], purpose: Purpose, *, kill_at: int | None
) -> int:
    """Replace the purpose key in a child that is killed after the call of that number.

    Return how many calls there were, or its signal.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _replace_counting(choice, purpose, kill_at, writer)
    os.close(writer)
    with os.fdopen(reader) as said:
        counted = said.read()
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else int(counted)


def _replace_counting(
    choice: tuple[SecretConfig, dict[str, str]], purpose: Purpose, kill_at: int | None, writer: int
) -> None:
    made = make_purpose_rotation(*choice)
    assert made is not None
    original, passed = VaultClient.call, [0]

    def counted(
        client: VaultClient, method: str, path: str, body: Secret | None = None
    ) -> VaultResponse:
        answer = original(client, method, path, body)
        if passed[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed[0] += 1
        return answer

    try:
        VaultClient.call = counted  # type: ignore[method-assign, assignment]
        made.rotate(purpose)
        made.rewrap(purpose)
        made.retire(purpose)
        os.write(writer, str(passed[0]).encode())
    finally:
        os._exit(0)  # A forked child must not go on as pytest.
