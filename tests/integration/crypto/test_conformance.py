"""What every secret provider and key store conforms to.

One suite over all of them; the services are real.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path
from uuid import UUID

import pytest
from tests.integration.crypto.conftest import KINDS
from tests.integration.crypto.deployments import Deployment

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import (
    KeyDestroyedError,
    KeyNotFoundError,
    KeyStoreError,
    SecretNotFoundError,
    SecretProviderError,
    ServiceState,
)
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import Purpose
from theseller.crypto.seal_value import open_sealed, seal
from theseller.crypto.service_key_store import KeyFolder
from theseller.crypto.text_secret_validation import new_text_secret
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

pytestmark = [
    pytest.mark.parametrize("deployment", KINDS, indirect=True),
    # The tests' own threads (lines to services, xdist's) do nothing that a forked child waits for.
    pytest.mark.filterwarnings("ignore:.*is multi-threaded, use of fork.*:DeprecationWarning"),
]
FORK = multiprocessing.get_context("fork")
PURPOSES = [purpose for purpose in Purpose if purpose is not Purpose.ROOT]


def assert_destroyed(store: KeyStore, key_id: UUID) -> None:
    """Assert that a key is destroyed in every answer that a store can give of it."""
    with pytest.raises(KeyDestroyedError):
        store.get(key_id)
    assert not store.exists(key_id)
    record = store.record(key_id)
    assert record.destroyed
    assert record.destroyed_at is not None
    assert record.destroyed_at.tzinfo is not None
    assert [entry for entry in store.list() if entry.id == key_id] == [record]


# --- Key stores
# --------------------------------------------------------------------------------------------------


def test_keys_of_every_purpose_persist_over_restarts(deployment: Deployment) -> None:
    keys = [deployment.store().create(purpose, f"owner:{purpose} ü") for purpose in PURPOSES]
    assert len({key.material.reveal_bytes() for key in keys}) == len(keys)
    again = deployment.store()
    listed = {record.id: record for record in again.list()}
    assert list(listed) == sorted(listed)
    for key in keys:
        assert again.get(key.id) == key
        assert again.exists(key.id)
        assert (
            again.record(key.id)
            == listed[key.id]
            == KeyRecord(key.id, key.purpose, f"owner:{key.purpose} ü", None)
        )


def test_destroyed_key_cannot_be_read_or_used_again(deployment: Deployment) -> None:
    store = deployment.store()
    key, other = (
        store.create(Purpose.REFRESH_TOKEN, "connection:1"),
        store.create(Purpose.REFRESH_TOKEN, "connection:2"),
    )
    place = EncryptionContext(
        new_id(), "connections_refresh_token", "sealed", "1", Purpose.REFRESH_TOKEN, "test"
    )
    sealed = seal(key, place, b"canary")
    assert open_sealed(store, place, sealed) == Secret(b"canary")
    store.destroy(key.id)
    store.destroy(key.id)
    for reader in (store, deployment.store()):
        assert_destroyed(reader, key.id)
        with pytest.raises(KeyDestroyedError):
            open_sealed(reader, place, sealed)
        assert reader.get(other.id) == other
        record = reader.record(key.id)
        assert (record.purpose, record.owner) == (Purpose.REFRESH_TOKEN, "connection:1")


def test_key_service_keeps_no_material_of_a_destroyed_key(deployment: Deployment) -> None:
    assert deployment.raw is not None
    store = deployment.store()
    key = store.create(Purpose.BACKUP, "backup:1")
    kept = deployment.raw.read(key.id)
    assert kept is not None
    wrapped = json.loads(kept)["wrapped"]
    assert len(wrapped) > 40
    store.destroy(key.id)
    assert deployment.raw.read(key.id) is None
    tombstone = deployment.raw.read(key.id, KeyFolder.DESTROYED)
    assert tombstone is not None
    assert wrapped not in tombstone
    assert wrapped not in deployment.raw.everything()


def test_key_material_is_not_stored_in_the_service(deployment: Deployment) -> None:
    assert deployment.raw is not None
    key = deployment.store().create(Purpose.PII, "day:2026-11-23")
    everything = deployment.raw.everything()
    assert str(key.id) in everything  # the search did look at this very key
    assert key.material.reveal_bytes().hex() not in everything
    for offset in range(3):  # base64 of the same bytes, wherever a text of them begins
        assert _base64_core(b"\0" * offset + key.material.reveal_bytes(), offset) not in everything


def _base64_core(content: bytes, offset: int) -> str:
    import base64

    return base64.b64encode(content).decode()[4 if offset else 0 : 40]


def test_unknown_key_raises_key_not_found(deployment: Deployment) -> None:
    store, unknown = deployment.store(), new_id()
    for ask in (store.get, store.destroy, store.record):
        with pytest.raises(KeyNotFoundError, match=str(unknown)):
            ask(unknown)
    assert not store.exists(unknown)


@pytest.mark.parametrize("owner", ["", "x" * 201, "a\nb"])
def test_create_refuses_invalid_key_owner(deployment: Deployment, owner: str) -> None:
    with pytest.raises(ValueError, match="owner"):
        deployment.store().create(Purpose.SIGNING, owner)


def test_create_refuses_a_data_key_for_the_root_purpose(deployment: Deployment) -> None:
    with pytest.raises(ValueError, match="root key"):
        deployment.store().create(Purpose.ROOT, "x")


# --- Tampering and interruption
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "connection:2"},
        {"purpose": "pii"},
        {"purpose": None},
        {"purpose": "nonsense"},
        {"format": "theseller-key/9"},
        {"wrapped": "AAAA"},
        {"wrapped": "!"},
        {"wrapped": 7},
    ],
    ids=lambda change: "-".join(f"{name}:{value}" for name, value in change.items()),
)
def test_an_altered_key_does_not_open_and_can_be_destroyed(
    deployment: Deployment, change: dict[str, object]
) -> None:
    assert deployment.raw is not None
    store = deployment.store()
    store.create(Purpose.PII, "day:1")
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    kept = deployment.raw.read(key.id)
    assert kept is not None
    deployment.raw.write(key.id, json.dumps({**json.loads(kept), **change}))
    with pytest.raises(KeyStoreError) as caught:
        store.get(key.id)
    assert caught.value.state is ServiceState.DAMAGED
    store.destroy(key.id)
    with pytest.raises(KeyDestroyedError):
        store.get(key.id)
    assert deployment.raw.read(key.id) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_an_incomplete_key_is_reported_as_damaged(deployment: Deployment, content: str) -> None:
    assert deployment.raw is not None
    store = deployment.store()
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    deployment.raw.write(key.id, content or " ")
    with pytest.raises(KeyStoreError, match="damaged"):
        store.get(key.id)
    store.destroy(key.id)
    with pytest.raises(KeyDestroyedError):
        store.get(key.id)


def test_key_stored_under_another_id_cannot_be_opened(deployment: Deployment) -> None:
    assert deployment.raw is not None
    store = deployment.store()
    one, other = store.create(Purpose.PII, "day:1"), store.create(Purpose.PII, "day:1")
    kept = deployment.raw.read(other.id)
    assert kept is not None
    for content in (kept, kept.replace(str(other.id), str(one.id))):
        deployment.raw.write(one.id, content)
        with pytest.raises(KeyStoreError):
            store.get(one.id)


def test_key_destruction_interrupted_after_its_tombstone_is_completed_at_next_start(
    deployment: Deployment,
) -> None:
    assert deployment.raw is not None
    store = deployment.store()
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    kept = deployment.raw.read(key.id)
    assert kept is not None
    store.destroy(key.id)
    deployment.raw.write(key.id, kept)  # as if the erasure had never come
    assert_destroyed(store, key.id)
    assert deployment.raw.read(key.id) == kept
    deployment.store()
    assert deployment.raw.read(key.id) is None


def test_keys_of_another_environment_cannot_be_opened(deployment: Deployment) -> None:
    """Refuse keys of another environment.

    Neither by requesting as another environment, nor by copying what the service stores, tombstones
    of ours included.
    """
    assert deployment.raw is not None
    key = deployment.store().create(Purpose.SIGNING, "certificates")
    if deployment.name in {"files", "variables"}:
        from theseller.crypto.errors import WrongEnvironmentError

        with pytest.raises(WrongEnvironmentError, match="another environment"):
            deployment.store("staging")
        return
    if (
        deployment.name == "vault"
    ):  # one policy for each environment: the other one's is denied altogether
        with pytest.raises(KeyStoreError) as caught:
            deployment.store("staging")
        assert caught.value.state is ServiceState.DENIED
        return
    staging = deployment.store("staging")
    with pytest.raises(KeyNotFoundError):
        staging.get(key.id)
    kept = deployment.raw.read(key.id)
    assert kept is not None
    deployment.raw.write(key.id, kept, environment="staging")
    with pytest.raises(KeyStoreError, match="made in another environment"):
        staging.get(key.id)


# --- Several processes
# --------------------------------------------------------------------------------------------------


def _in_children(count: int, act: Callable[[], object]) -> list[str]:
    """Run `act` in forked processes at once; return what each gave, or the name of its error."""
    results: Queue[str] = FORK.Queue()

    def child() -> None:
        try:
            results.put(str(act()))
        except BaseException as error:  # noqa: BLE001
            results.put(type(error).__name__)

    children = [FORK.Process(target=child) for _ in range(count)]
    for process in children:
        process.start()
    given = [results.get(timeout=60) for _ in children]
    for process in children:
        process.join(60)
        assert process.exitcode == 0
    return given


def test_concurrent_processes_share_a_key_store_without_losing_keys(deployment: Deployment) -> None:
    """Use a store in children of a process that has a connection already: they make their own.

    Nothing is lost, nothing half made.
    """
    store = deployment.store()
    before = store.create(Purpose.REFRESH_TOKEN, "connection:before")

    def work() -> str:
        made = [store.create(Purpose.REFRESH_TOKEN, f"connection:{os.getpid()}") for _ in range(4)]
        for key in made[:2]:
            store.destroy(key.id)
        assert store.get(before.id) == before
        store.list()
        return " ".join(f"{key.id}={key.material.reveal_bytes().hex()}" for key in made)

    made = [pair.split("=") for line in _in_children(3, work) for pair in line.split()]
    assert len(made) == 12
    destroyed = [UUID(key_id) for index, (key_id, _) in enumerate(made) if index % 4 < 2]
    for key_id, material in made:
        if UUID(key_id) in destroyed:
            assert_destroyed(store, UUID(key_id))
        else:
            assert store.get(UUID(key_id)).material.reveal_bytes().hex() == material


def test_key_can_be_destroyed_by_several_processes_concurrently(deployment: Deployment) -> None:
    store = deployment.store()
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    assert _in_children(4, lambda: store.destroy(key.id)) == ["None"] * 4
    assert_destroyed(store, key.id)


def test_key_destroyed_by_another_process_is_refused_at_once(
    deployment: Deployment, tmp_path: Path
) -> None:
    """A process that has just used the key, and will not be told, must not use it once more."""
    store = deployment.store()
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    for _ in range(3):
        assert store.get(key.id) == key
    assert _in_children(1, lambda: deployment.store().destroy(key.id)) == ["None"]
    assert_destroyed(store, key.id)


def test_concurrent_reader_gets_the_key_or_key_destroyed(deployment: Deployment) -> None:
    store = deployment.store()
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    process = FORK.Process(target=store.destroy, args=(key.id,))
    process.start()
    ended = False
    while not ended:
        try:
            assert store.get(key.id) == key
        except KeyDestroyedError:
            ended = True
    process.join(30)
    assert process.exitcode == 0
    assert_destroyed(store, key.id)


# --- Secret providers
# --------------------------------------------------------------------------------------------------


def test_a_secret_is_kept_replaced_and_destroyed(deployment: Deployment) -> None:
    provider = deployment.provider()
    name = f"kept-{new_id().hex}"
    if not deployment.writes_secrets:
        assert provider.get("bundled") == Secret("in one variable")
        assert provider.get("given") == Secret("by systemd")
        changes: tuple[Callable[[], None], ...] = (
            lambda: provider.put(name, Secret("x")),
            lambda: provider.remove("given"),
        )
        for change in changes:
            with pytest.raises(SecretProviderError, match="comes from the environment") as caught:
                change()
            assert caught.value.state is ServiceState.READ_ONLY
        return
    assert provider.written_at(name) is None
    provider.put(name, Secret("first"))
    provider.put(name, Secret("zweites, ü"))
    assert provider.get(name) == deployment.provider().get(name) == Secret("zweites, ü")
    written = provider.written_at(name)
    assert written is not None
    assert written.tzinfo is not None
    provider.remove(name)
    provider.remove(name)
    with pytest.raises(SecretNotFoundError, match=name):
        provider.get(name)


def test_missing_secret_error_names_the_expected_location(deployment: Deployment) -> None:
    with pytest.raises(SecretNotFoundError, match="nowhere-to-be-found"):
        deployment.provider().get("nowhere-to-be-found")
    with pytest.raises(ValueError, match="name"):
        deployment.provider().get("../root-key")


@pytest.mark.parametrize("value", ["", " ", " x", "x\n\n", b"\xff\xfe"])
def test_secret_with_unsupported_characters_is_not_stored(
    deployment: Deployment, value: str | bytes
) -> None:
    name = f"odd-{new_id().hex}"
    with pytest.raises(SecretProviderError, match=name):
        deployment.provider().put(name, Secret(value))
    with pytest.raises(SecretNotFoundError):
        deployment.provider().get(name)


def test_processes_that_ensure_one_secret_get_the_same(deployment: Deployment) -> None:
    provider = deployment.provider()
    name = f"ensured-{new_id().hex}"
    if not deployment.writes_secrets:
        assert provider.ensure("bundled", new_text_secret) == Secret("in one variable")
        with pytest.raises(SecretProviderError, match="theseller secrets bundle"):
            provider.ensure(name, new_text_secret)
        return
    got = _in_children(4, lambda: provider.ensure(name, new_text_secret).reveal())
    assert len(set(got)) == 1
    assert provider.get(name) == Secret(got[0])


def test_secret_is_not_readable_from_another_environment(deployment: Deployment) -> None:
    if deployment.name in {"files", "variables"}:
        pytest.skip(
            "files and variables belong to one deployment: their folder and process are the border"
        )
    name = f"of-test-{new_id().hex}"
    deployment.provider().put(name, Secret("x"))
    with pytest.raises((SecretNotFoundError, SecretProviderError)):
        deployment.provider("staging").get(name)
