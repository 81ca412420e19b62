"""Purpose keys replaced in OpenBao while processes go on: nothing left under the old one, and the old one refused afterwards."""

from __future__ import annotations

import base64
import json
import threading

import pytest
from tests.integration.crypto.deployments import Deployment
from tests.integration.crypto.services import Bao

from theseller.crypto.choice import make_purpose_rotation, read_choice, vault_credentials
from theseller.crypto.errors import KeyDestroyedError, KeyStoreError
from theseller.crypto.keys import Purpose
from theseller.crypto.vault import VaultShelf
from theseller.crypto.vault_client import VaultClient
from theseller.crypto.vault_rotation import TransitRotation
from theseller.crypto.wrapped import Folder, ServiceKeyStore

pytestmark = pytest.mark.parametrize("deployment", ["vault"], indirect=True)


@pytest.fixture
def client(deployment: Deployment) -> VaultClient:
    choice = read_choice(deployment.environ, environment="test", state=deployment.state, guarded=False)
    assert choice.vault is not None
    return VaultClient(choice.vault, lambda: vault_credentials(deployment.environ))


@pytest.fixture
def rotation(deployment: Deployment) -> TransitRotation:
    choice = read_choice(deployment.environ, environment="test", state=deployment.state, guarded=False)
    made = make_purpose_rotation(choice, deployment.environ)
    assert made is not None
    return made


def test_a_purpose_key_is_replaced(deployment: Deployment, rotation: TransitRotation, bao: Bao) -> None:
    store, purpose = deployment.store(), Purpose.SESSION
    keys = [store.create(purpose, f"old:{number}") for number in range(3)]
    destroyed = store.create(purpose, "old:destroyed")
    store.destroy(destroyed.id)
    assert deployment.raw is not None
    kept = deployment.raw.read(keys[0].id)
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
    versions = bao.call("GET", f"secret/metadata/theseller/test/keys/{keys[0].id}")["data"]["versions"]
    assert [number for number, version in versions.items() if not version["destroyed"]] == ["2"]
    old = {"ciphertext": json.loads(_unbase64(json.loads(kept)["wrapped"]))}
    refused = bao.call("POST", "transit/decrypt/theseller-test-session", old)
    assert refused["status"] == 400
    assert "too old" in " ".join(refused["errors"])


def _unbase64(text: str) -> str:
    return json.dumps(base64.b64decode(text).decode())


def test_readers_notice_nothing(deployment: Deployment, rotation: TransitRotation) -> None:
    store, purpose = deployment.store(), Purpose.TENANT_CONTEXT
    key = store.create(purpose, "read all the time")
    stop, errors, reads = threading.Event(), list[str](), [0]

    def read() -> None:
        while not stop.is_set():
            try:
                assert store.get(key.id) == key
                reads[0] += 1
            except Exception as error:  # noqa: BLE001 - counted, whatever it is
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


def test_a_key_destroyed_meanwhile_does_not_come_back(deployment: Deployment, client: VaultClient) -> None:
    store, shelf = deployment.store(), VaultShelf(client)
    assert isinstance(store, ServiceKeyStore)
    key = store.create(Purpose.BACKUP, "backup:1")
    kept = shelf.read(Folder.KEYS, key.id)
    assert kept is not None
    store.destroy(key.id)
    assert not shelf.replace(key.id, kept.content, over=kept)
    with pytest.raises(KeyDestroyedError):
        store.get(key.id)
    assert shelf.read(Folder.KEYS, key.id) is None
