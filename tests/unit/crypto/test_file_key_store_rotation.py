"""Root and purpose keys are replaced while processes read.

An old one is deleted only when nothing is under it.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from theseller.crypto.cached_secrets import CachedValue
from theseller.crypto.errors import KeyStoreError
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_types import Purpose
from theseller.crypto.root_keys import new_root_key
from theseller.crypto.rotating_database_password import RotatingPassword
from theseller.crypto.timestamped_secrets import (
    creation_time,
    new_timestamped_secret,
    root_key_ids,
    timestamped_secret_id,
)
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.os_processes import wait_until


@pytest.fixture
def secrets(tmp_path: Path) -> FileSecretProvider:
    provider = FileSecretProvider(tmp_path / "secrets")
    provider.put("root-key", new_root_key("test"))
    return provider


@pytest.fixture
def store(tmp_path: Path, secrets: FileSecretProvider) -> RotatableKeyStore:
    return RotatableKeyStore.of(FileKeyStore(tmp_path / "keys", secrets, environment="test"))


def test_a_root_key_is_replaced_and_the_old_one_then_opens_nothing(
    tmp_path: Path, store: RotatableKeyStore, secrets: FileSecretProvider
) -> None:
    keys = [
        store.create(purpose, "connection:1")
        for purpose in (Purpose.REFRESH_TOKEN, Purpose.SIGNING)
    ]
    reader = FileKeyStore(tmp_path / "keys", secrets, environment="test")
    old, new = secrets.get("root-key"), new_root_key("test")
    secrets.put("root-key", Secret(f"{new.reveal()}\n{old.reveal()}"))
    new_id, old_id = root_key_ids(secrets.get("root-key"), "test")
    assert store.under_root(old_id) == 2
    assert store.rewrap_purpose_keys() == 2
    assert store.rewrap_purpose_keys() == 0
    assert (store.under_root(old_id), store.under_root(new_id)) == (0, 2)
    secrets.put("root-key", new)
    for key in keys:
        assert reader.get(key.id).material == key.material
    secrets.put("root-key", old)
    with pytest.raises(KeyStoreError):
        FileKeyStore(tmp_path / "keys", secrets, environment="test").get(keys[0].id)


def test_a_purpose_key_is_replaced_under_a_reader_that_still_remembers_it(
    tmp_path: Path, store: RotatableKeyStore, secrets: FileSecretProvider
) -> None:
    keys = [store.create(Purpose.REFRESH_TOKEN, f"connection:{number}") for number in range(3)]
    other = store.create(Purpose.SIGNING, "certificates")
    reader = FileKeyStore(tmp_path / "keys", secrets, environment="test")
    assert reader.get(keys[0].id).material == keys[0].material
    (old,) = store.purpose_keys()[Purpose.REFRESH_TOKEN]
    before = {path: path.read_bytes() for path in (tmp_path / "keys" / "data").glob("*.json")}
    new = store.new_purpose_key(Purpose.REFRESH_TOKEN)
    assert store.retire_purpose_keys(Purpose.REFRESH_TOKEN) == 1, (
        "an old key that wraps something was erased"
    )
    assert store.rewrap_data_keys(Purpose.REFRESH_TOKEN) == 3
    assert (store.under_purpose_key(old), store.under_purpose_key(new)) == (0, 3)
    assert store.retire_purpose_keys(Purpose.REFRESH_TOKEN) == 0
    assert store.purpose_keys()[Purpose.REFRESH_TOKEN] == (new,)
    assert [reader.get(key.id).material for key in (*keys, other)] == [
        key.material for key in (*keys, other)
    ]
    # A copy of a key file from before the rotation: the key above it is deleted, from the disk and
    # from the reader's memory.
    stolen = tmp_path / "keys" / "data" / f"{keys[0].id}.json"
    stolen.write_bytes(before[stolen])
    with pytest.raises(KeyStoreError):
        reader.get(keys[0].id)


def test_timestamped_secret_has_a_creation_time() -> None:
    before = clock.now()
    secret = new_timestamped_secret()
    identifier = timestamped_secret_id(secret)
    assert identifier is not None
    born = creation_time(identifier)
    assert born is not None
    assert abs((born - before).total_seconds()) < 5
    assert timestamped_secret_id(Secret("hunter2")) is None


def test_a_cached_value_is_read_again_and_survives_an_unavailable_provider() -> None:
    from theseller.crypto.errors import SecretProviderError

    answers: list[int | Exception] = [1, 2, SecretProviderError("paused"), 3]

    def read() -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    live = CachedValue(read, seconds=0)
    assert [live() for _ in range(3)] == [1, 2, 2]
    assert wait_until(lambda: live() == 3, 30)
    cached = CachedValue(iter([1, 2]).__next__, seconds=60)
    assert [cached(), cached()] == [1, 1]


def test_only_the_first_caller_waits_for_a_provider_that_does_not_answer() -> None:
    from theseller.crypto.errors import SecretProviderError

    answers, silent = threading.Event(), threading.Event()
    silent.set()
    reads: list[bool] = []

    def read() -> int:
        reads.append(True)
        if len(reads) > 2:
            answers.wait(60)
        if len(reads) > 1 and silent.is_set():
            raise SecretProviderError("no answer in time")
        return len(reads)

    cached = CachedValue(read, seconds=0)
    assert [cached() for _ in range(50)] == [1] * 50
    assert wait_until(lambda: len(reads) == 3, 30), "one read at a time, besides the callers"
    silent.clear()
    answers.set()
    assert wait_until(lambda: cached() > 1, 30)


def test_a_password_under_rotation_is_tried_old_and_new_in_turn(
    secrets: FileSecretProvider,
) -> None:
    password = RotatingPassword(secrets, "db-web")
    assert str(password) == ""
    secrets.put("db-web", Secret("old"))
    assert {str(password) for _ in range(4)} == {"old"}
    secrets.put("db-web-next", Secret("new"))
    assert {str(password) for _ in range(2)} == {"old", "new"}
    assert "old" not in f"{password} {password!r}"


def test_a_key_that_is_just_being_overwritten_is_known_as_destroyed(
    tmp_path: Path, store: RotatableKeyStore
) -> None:
    """Read a tombstone with a file of zeros.

    A killed destruction leaves both, and a running one passes through that state.
    """
    key = store.create(Purpose.PII, "day:1")
    path = tmp_path / "keys" / "data" / f"{key.id}.json"
    half = bytes(path.stat().st_size)
    store.destroy(key.id)
    path.touch(mode=0o600)
    path.write_bytes(half)
    assert store.record(key.id).destroyed
    assert all(one.destroyed for one in store.list())
    (old,) = store.purpose_keys()[Purpose.PII]
    assert store.under_purpose_key(old) == 0
    other = store.create(Purpose.PII, "day:2")
    (tmp_path / "keys" / "data" / f"{other.id}.json").write_bytes(b"{}")
    with pytest.raises(KeyStoreError):
        store.record(other.id)
