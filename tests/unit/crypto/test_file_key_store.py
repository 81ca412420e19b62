"""Keys in files: whole or absent, destroyed for good, the same for every process."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import pytest

from theseller.crypto import file_key_store, private_files
from theseller.crypto.errors import (
    KeyDestroyedError,
    KeyNotFoundError,
    KeyStoreError,
    SecretNotFoundError,
    UnsafePermissionsError,
    WrongEnvironmentError,
)
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key, parse_root_keys
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

# The tests' own threads (xdist has some) do nothing that a forked child waits for.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is multi-threaded, use of fork.*:DeprecationWarning"
)
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def secrets(tmp_path: Path) -> FileSecretProvider:
    provider = FileSecretProvider(tmp_path / "secrets")
    provider.put(ROOT_KEY_NAME, new_root_key("demo"))
    return provider


@pytest.fixture
def store(tmp_path: Path, secrets: FileSecretProvider) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys", secrets, environment="demo")


def again(tmp_path: Path, environment: str = "demo") -> FileKeyStore:
    return FileKeyStore(
        tmp_path / "keys", FileSecretProvider(tmp_path / "secrets"), environment=environment
    )


def test_new_file_key_store_implements_the_protocol_and_is_empty(store: FileKeyStore) -> None:
    as_protocol: KeyStore = store
    assert as_protocol.list() == ()


def test_file_key_store_keeps_keys_over_restarts(tmp_path: Path, store: FileKeyStore) -> None:
    keys = [
        store.create(purpose, f"owner:{purpose}")
        for purpose in Purpose
        if purpose is not Purpose.ROOT
    ]
    assert len({key.material.reveal_bytes() for key in keys}) == len(keys)
    reopened = again(tmp_path)
    for key in keys:
        assert reopened.get(key.id) == key
        assert reopened.exists(key.id)
    assert [record.id for record in reopened.list()] == sorted(key.id for key in keys)
    assert reopened.record(keys[0].id) == KeyRecord(
        keys[0].id, keys[0].purpose, f"owner:{keys[0].purpose}", None
    )


def test_destroying_is_final_and_leaves_a_tombstone(tmp_path: Path, store: FileKeyStore) -> None:
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    wrapped = json.loads((tmp_path / f"keys/data/{key.id}.json").read_bytes())["wrapped"]
    store.destroy(key.id)
    store.destroy(key.id)
    for reader in (store, again(tmp_path)):
        with pytest.raises(KeyDestroyedError):
            reader.get(key.id)
        assert not reader.exists(key.id)
        record = reader.record(key.id)
        assert (record.purpose, record.owner, record.destroyed) == (
            Purpose.REFRESH_TOKEN,
            "connection:1",
            True,
        )
        assert record.destroyed_at is not None
        assert record.destroyed_at.tzinfo is not None
        assert [kept.id for kept in reader.list()] == [key.id]
    for path in (tmp_path / "keys").rglob("*"):
        if path.is_file():
            assert wrapped.encode() not in path.read_bytes()
            assert key.material.reveal_bytes() not in path.read_bytes()


def test_the_old_file_is_overwritten_before_it_is_removed(
    tmp_path: Path, store: FileKeyStore
) -> None:
    key = store.create(Purpose.BACKUP, "backup:1")
    path = tmp_path / f"keys/data/{key.id}.json"
    with path.open("rb") as file:
        store.destroy(key.id)
        content = file.read()
    assert content
    assert content == bytes(len(content))


def test_unknown_key_raises_key_not_found(store: FileKeyStore) -> None:
    unknown = new_id()
    for ask in (store.get, store.destroy, store.record):
        with pytest.raises(KeyNotFoundError, match=str(unknown)):
            ask(unknown)
    assert not store.exists(unknown)
    assert store.list() == ()


def test_key_material_is_in_no_file_of_the_key_store(
    tmp_path: Path, store: FileKeyStore, secrets: FileSecretProvider
) -> None:
    key = store.create(Purpose.PII, "day:2026-11-23")
    root = parse_root_keys(secrets.get(ROOT_KEY_NAME), "demo")[0].material
    found = 0
    for path in (tmp_path / "keys").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += str(key.id).encode() in content
            for material in (key.material.reveal_bytes(), root.reveal_bytes()):
                assert material not in content
                assert material.hex().encode() not in content
    assert found == 1  # the search did look at the key's own file


def test_key_store_files_and_folders_are_readable_by_the_owner_only(
    tmp_path: Path, store: FileKeyStore
) -> None:
    previous = os.umask(0)
    try:
        store.destroy(store.create(Purpose.SIGNING, "certificates").id)
        store.create(Purpose.SIGNING, "certificates")
    finally:
        os.umask(previous)
    paths = [tmp_path / "keys", *(tmp_path / "keys").rglob("*")]
    assert len(paths) > 8
    for path in paths:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_key_store_readable_by_others_is_refused(tmp_path: Path, store: FileKeyStore) -> None:
    key = store.create(Purpose.SIGNING, "certificates")
    path = tmp_path / f"keys/data/{key.id}.json"
    path.chmod(0o644)
    with pytest.raises(UnsafePermissionsError, match="chmod 600"):
        store.get(key.id)
    path.chmod(0o600)
    (tmp_path / "keys/data").chmod(0o755)
    with pytest.raises(UnsafePermissionsError, match="chmod 700"):
        again(tmp_path)


def test_another_environments_root_key_is_refused(
    tmp_path: Path, secrets: FileSecretProvider
) -> None:
    with pytest.raises(WrongEnvironmentError, match="staging"):
        FileKeyStore(tmp_path / "keys", secrets, environment="staging")
    assert not (tmp_path / "keys").exists()


def test_keys_of_another_environment_cannot_be_opened(
    tmp_path: Path, store: FileKeyStore, secrets: FileSecretProvider
) -> None:
    """Even with the same root material relabelled: the environment is bound into each wrapped key."""
    key = store.create(Purpose.SIGNING, "certificates")
    relabelled = secrets.get(ROOT_KEY_NAME).reveal().replace(".demo.", ".staging.")
    secrets.put(ROOT_KEY_NAME, Secret(relabelled))
    staging = again(tmp_path, "staging")
    with pytest.raises(KeyStoreError, match="cannot be opened with this root key"):
        staging.get(key.id)
    with pytest.raises(KeyStoreError, match="cannot be opened with this root key"):
        staging.create(Purpose.SIGNING, "certificates")


def test_key_store_without_its_root_key_is_refused(
    tmp_path: Path, store: FileKeyStore, secrets: FileSecretProvider
) -> None:
    key = store.create(Purpose.SIGNING, "certificates")
    kept = secrets.get(ROOT_KEY_NAME)
    secrets.put(ROOT_KEY_NAME, new_root_key("demo"))
    with pytest.raises(KeyStoreError, match="put back the one they were made with"):
        again(tmp_path).get(key.id)
    (tmp_path / "secrets" / ROOT_KEY_NAME).unlink()
    with pytest.raises(SecretNotFoundError):
        again(tmp_path)
    # A rotation in progress: the new root first, the old one still there.
    secrets.put(ROOT_KEY_NAME, Secret(new_root_key("demo").reveal() + "\n" + kept.reveal()))
    assert again(tmp_path).get(key.id) == key


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "theseller-root-1.demo.x.y",
        "theseller-root-1.demo",
        "theseller-root-2.demo.018f3c1e7a007000800000000000a11c.AAAA",
        "\n",
        "\n\n",
    ],
)
def test_a_malformed_root_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(KeyStoreError, match="root-key") as caught:
        parse_root_keys(Secret(text), "demo")
    assert "018f3c1e" not in str(caught.value)


@pytest.mark.parametrize("owner", ["", "x" * 201, "a\nb", "\x00"])
def test_create_refuses_invalid_key_owner(store: FileKeyStore, owner: str) -> None:
    with pytest.raises(ValueError, match="owner"):
        store.create(Purpose.SIGNING, owner)


def test_create_refuses_a_data_key_for_the_root_purpose(store: FileKeyStore) -> None:
    with pytest.raises(ValueError, match="root key"):
        store.create(Purpose.ROOT, "x")


def test_root_key_removed_at_run_time_raises_key_store_error(
    tmp_path: Path, store: FileKeyStore
) -> None:
    key = store.create(Purpose.PII, "day:1")
    late = again(tmp_path)
    (tmp_path / "secrets" / ROOT_KEY_NAME).rename(tmp_path / "kept")
    with pytest.raises(KeyStoreError, match="root key is unavailable"):
        late.get(key.id)
    (tmp_path / "kept").rename(tmp_path / "secrets" / ROOT_KEY_NAME)
    assert late.get(key.id) == key


def _edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    fields = json.loads(path.read_bytes())
    change(fields)
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.update(owner="connection:other"),
        lambda fields: fields.update(purpose="pii"),
        lambda fields: fields.update(purpose=None),
        lambda fields: fields.update(purpose="nonsense"),
        lambda fields: fields.update(format="theseller-key/2"),
        lambda fields: fields.update(id=str(UUID(int=1))),
        lambda fields: fields.update(wrapped="AAAA"),
        lambda fields: fields.update(wrapped="!"),
        lambda fields: fields.update(wrapped=7),
        lambda fields: fields.pop("wrapped"),
        lambda fields: fields.clear(),
    ],
)
def test_altered_key_file_cannot_be_opened_but_can_be_destroyed(
    tmp_path: Path, store: FileKeyStore, change: Callable[[dict[str, object]], object]
) -> None:
    key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
    store.create(Purpose.PII, "day:1")
    _edit(tmp_path / f"keys/data/{key.id}.json", change)
    with pytest.raises(KeyStoreError, match=r"damaged|another key's|without a purpose|is missing"):
        store.get(key.id)
    store.destroy(key.id)
    with pytest.raises(KeyDestroyedError):
        store.get(key.id)
    assert store.record(key.id).destroyed


def test_key_file_renamed_to_another_id_cannot_be_opened(
    tmp_path: Path, store: FileKeyStore
) -> None:
    one, other = store.create(Purpose.PII, "day:1"), store.create(Purpose.PII, "day:1")
    path = tmp_path / f"keys/data/{one.id}.json"
    path.write_bytes(
        (tmp_path / f"keys/data/{other.id}.json")
        .read_bytes()
        .replace(str(other.id).encode(), str(one.id).encode())
    )
    with pytest.raises(KeyStoreError, match="damaged"):
        store.get(one.id)


def test_a_failing_disk_is_not_a_missing_key(
    tmp_path: Path, store: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.create(Purpose.PII, "day:1")

    def fail(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(file_key_store, "read_private", fail)
    for ask in (store.get, store.record, store.destroy):
        with pytest.raises(KeyStoreError, match="does not answer: Input/output error"):
            ask(key.id)


def _work(
    directory: Path, secrets_directory: Path, results: multiprocessing.Queue[list[str]]
) -> None:
    store = FileKeyStore(directory, FileSecretProvider(secrets_directory), environment="demo")
    made = [store.create(Purpose.REFRESH_TOKEN, f"connection:{os.getpid()}") for _ in range(10)]
    for key in made[:5]:
        store.destroy(key.id)
    for record in store.list():  # while others create and destroy: a record of each, never an error
        assert record.owner.startswith("connection:")
    results.put([f"{key.id}={key.material.reveal_bytes().hex()}" for key in made[5:]])


def test_concurrent_processes_share_a_key_store_without_losing_keys(
    tmp_path: Path, secrets: FileSecretProvider
) -> None:
    """Start six processes on an empty directory at once: one purpose key among them.

    Nothing is lost, nothing half made.
    """
    results: multiprocessing.Queue[list[str]] = FORK.Queue()
    processes = [
        FORK.Process(target=_work, args=(tmp_path / "keys", secrets.directory, results))
        for _ in range(6)
    ]
    for process in processes:
        process.start()
    made = [line for _ in processes for line in results.get(timeout=60)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    store = again(tmp_path)
    assert {
        f"{record.id}={store.get(record.id).material.reveal_bytes().hex()}"
        for record in store.list()
        if not record.destroyed
    } == set(made)
    assert sum(record.destroyed for record in store.list()) == 30
    assert len(list((tmp_path / "keys/purpose/refresh_token").iterdir())) == 1


def _destroy(directory: Path, secrets_directory: Path, key_id: UUID) -> None:
    FileKeyStore(directory, FileSecretProvider(secrets_directory), environment="demo").destroy(
        key_id
    )


def test_concurrent_reader_gets_the_key_or_key_destroyed(
    tmp_path: Path, store: FileKeyStore, secrets: FileSecretProvider
) -> None:
    for _ in range(5):
        key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
        process = FORK.Process(target=_destroy, args=(tmp_path / "keys", secrets.directory, key.id))
        process.start()
        ended = False
        while not ended:
            try:
                assert store.get(key.id) == key
            except KeyDestroyedError:
                ended = True
        process.join(30)
        assert process.exitcode == 0
        with pytest.raises(KeyDestroyedError):
            store.get(key.id)


def _killed_at(
    calls: int, module_and_names: tuple[tuple[object, str], ...], act: Callable[[], object]
) -> int | None:
    """Run `act` in a child that kills itself before its `calls`-th use of a named function.

    Return its exit code.
    """

    def child() -> None:
        left = [calls]

        def deadly(real: Callable[..., object]) -> Callable[..., object]:
            def wrapper(*args: object, **kwargs: object) -> object:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return wrapper

        for module, name in module_and_names:
            setattr(module, name, deadly(getattr(module, name)))
        act()

    process = FORK.Process(target=child)
    process.start()
    process.join(60)
    return process.exitcode


#: Everything that reaches the disk on the way of a write or an erasure.
STEPS: tuple[tuple[object, str], ...] = (
    (os, "open"),
    (os, "fdopen"),
    (os, "fchmod"),
    (os, "fsync"),
    (os, "utime"),
    (os, "rename"),
    (os, "replace"),
    (os, "unlink"),
    (os, "close"),
)


def test_a_kill_at_any_step_of_create_leaves_whole_keys_only(
    tmp_path: Path, secrets: FileSecretProvider
) -> None:
    killed = 0
    code: int | None = -signal.SIGKILL
    while code == -signal.SIGKILL:
        # a fresh one each time, so that the purpose key is written too
        directory = tmp_path / f"keys-{killed}"
        store = FileKeyStore(directory, secrets, environment="demo")
        create = partial(store.create, Purpose.PII, "day:1")
        code = _killed_at(killed + 1, STEPS, create)
        reopened = FileKeyStore(directory, secrets, environment="demo")
        for record in reopened.list():
            assert isinstance(reopened.get(record.id), DataKey)
        assert reopened.get(reopened.create(Purpose.PII, "day:2").id).purpose is Purpose.PII
        assert not [path for path in directory.rglob("*") if path.name.startswith(".writing-")]
        killed += code == -signal.SIGKILL
    assert code == 0
    assert killed >= 16


def test_a_missing_purpose_key_and_a_wrong_root_key_have_different_errors(
    tmp_path: Path, store: FileKeyStore
) -> None:
    key = store.create(Purpose.PII, "day:1")
    shutil.rmtree(tmp_path / "keys/purpose/pii")
    with pytest.raises(KeyStoreError, match="is missing"):
        again(tmp_path).get(key.id)


def test_destroy_killed_at_any_step_can_be_completed(tmp_path: Path, store: FileKeyStore) -> None:
    calls = killed = 0
    while True:
        calls += 1
        key = store.create(Purpose.REFRESH_TOKEN, "connection:1")
        code = _killed_at(calls, STEPS, partial(store.destroy, key.id))
        reopened = again(tmp_path)
        path = tmp_path / f"keys/data/{key.id}.json"
        if reopened.exists(key.id):  # killed before the tombstone: nothing has happened
            assert reopened.get(key.id) == key
            reopened.destroy(key.id)
        else:
            with pytest.raises(KeyDestroyedError):
                reopened.get(key.id)
        assert not path.exists()  # a restart has finished what the tombstone promised
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
    assert killed >= 10


def test_write_private_on_a_full_disk_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = private_files.private_directory(tmp_path / "private")

    def full(descriptor: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            private_files.write_private(directory / "file", b"content")
    assert not (directory / "file").exists()
