"""Secrets of the deployment in files that only its user can read."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from theseller.crypto.environment_secrets import EnvironmentSecretProvider
from theseller.crypto.errors import SecretNotFoundError, SecretProviderError, UnsafePermissionsError
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.text_secret_validation import new_text_secret
from theseller.crypto.timestamped_secrets import (
    ID_BYTES,
    leading_secret_id,
    new_timestamped_secret,
    timestamped_secret_id,
)
from theseller.lib.secret_type import Secret

# The tests' own threads (xdist has some) do nothing that a forked child waits for.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is multi-threaded, use of fork.*:DeprecationWarning"
)


@pytest.fixture
def provider(tmp_path: Path) -> FileSecretProvider:
    return FileSecretProvider(tmp_path / "deep" / "secrets")


def test_file_provider_returns_the_last_stored_secret(provider: FileSecretProvider) -> None:
    provider.put("session-key", Secret("first"))
    provider.put("session-key", Secret("second"))
    assert provider.get("session-key") == Secret("second")


def test_secret_files_and_folders_are_readable_by_the_owner_only(
    provider: FileSecretProvider,
) -> None:
    previous = os.umask(0)
    try:
        provider.put("session-key", Secret("x"))
    finally:
        os.umask(previous)
    assert provider.directory.stat().st_mode & 0o777 == 0o700
    assert provider.directory.parent.stat().st_mode & 0o777 == 0o700
    for path in provider.directory.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_file_provider_refuses_a_file_accessible_to_others(
    provider: FileSecretProvider, mode: int
) -> None:
    provider.put("session-key", Secret("x"))
    (provider.directory / "session-key").chmod(mode)
    with pytest.raises(UnsafePermissionsError, match=r"chmod 600 .*session-key"):
        provider.get("session-key")


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701, 0o777])
def test_file_provider_refuses_a_directory_accessible_to_others(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "secrets"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(UnsafePermissionsError, match=r"chmod 700 .*secrets"):
        FileSecretProvider(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_provider_refuses_files_of_another_user(provider: FileSecretProvider) -> None:
    provider.put("session-key", Secret("x"))
    os.chown(provider.directory / "session-key", 65534, -1)
    with pytest.raises(UnsafePermissionsError, match="belongs to user 65534"):
        provider.get("session-key")
    os.chown(provider.directory, 65534, -1)
    with pytest.raises(UnsafePermissionsError, match="belongs to user 65534"):
        FileSecretProvider(provider.directory)


def test_file_provider_refuses_symbolic_links_and_misplaced_files(
    provider: FileSecretProvider, tmp_path: Path
) -> None:
    provider.put("real", Secret("x"))
    (provider.directory / "linked").symlink_to(provider.directory / "real")
    with pytest.raises(UnsafePermissionsError, match="link"):
        provider.get("linked")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnsafePermissionsError, match="not a directory"):
        FileSecretProvider(tmp_path / "file")


def test_missing_secret_error_names_the_expected_location(provider: FileSecretProvider) -> None:
    with pytest.raises(SecretNotFoundError, match=f"put it into {provider.directory}/session-key"):
        provider.get("session-key")


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "A", "a_b", "-a", "a--b", ".lock", "a.b", "x" * 65]
)
def test_invalid_secret_name_is_refused(provider: FileSecretProvider, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        provider.get(name)
    with pytest.raises(ValueError, match="name"):
        EnvironmentSecretProvider({}).get(name)


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", "  ", " x", "x\n"])
def test_file_provider_refuses_secrets_with_unsupported_characters(
    provider: FileSecretProvider, value: str | bytes
) -> None:
    with pytest.raises(SecretProviderError, match="session-key"):
        provider.put("session-key", Secret(value))
    with pytest.raises(SecretNotFoundError):
        provider.get("session-key")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"abc", "abc"), (b"abc\n", "abc"), (b"abc\r\n", "abc"), (b"a\nb\n", "a\nb")],
)
def test_trailing_line_ending_of_a_secret_file_is_ignored(
    provider: FileSecretProvider, content: bytes, expected: str
) -> None:
    path = provider.directory / "typed"
    path.write_bytes(content)
    path.chmod(0o600)
    assert provider.get("typed").reveal() == expected


def test_a_bad_file_is_refused_without_being_shown(provider: FileSecretProvider) -> None:
    path = provider.directory / "typed"
    for content in (b"", b"\n", b"canary\xff", b" canary"):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SecretProviderError, match="typed") as caught:
            provider.get("typed")
        assert "canary" not in str(caught.value)


def test_ensure_creates_a_secret_only_once(provider: FileSecretProvider) -> None:
    first = provider.ensure("session-key", new_text_secret)
    assert provider.ensure("session-key", new_text_secret) == first
    assert provider.get("session-key") == first
    assert len(first.reveal()) == 43


def _ensure(directory: Path, results: multiprocessing.Queue[str]) -> None:
    results.put(FileSecretProvider(directory).ensure("session-key", new_text_secret).reveal())


def test_concurrent_ensure_calls_return_the_same_secret(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    processes = [
        context.Process(target=_ensure, args=(tmp_path / "secrets", results)) for _ in range(6)
    ]
    for process in processes:
        process.start()
    seen = {results.get(timeout=30) for _ in processes}
    for process in processes:
        process.join(30)
    assert len(seen) == 1


def test_the_age_of_a_secret_of_ours_is_read_without_the_secret(
    provider: FileSecretProvider,
) -> None:
    secret = new_timestamped_secret()
    provider.put("db-migrate", secret)
    provider.put("session-key", Secret("another one's"))
    read = provider.leading_bytes("db-migrate", ID_BYTES)
    assert leading_secret_id(read) == timestamped_secret_id(secret)
    assert len(read) == ID_BYTES
    assert secret.reveal().removeprefix(read.decode()) == secret.reveal().rpartition(".")[2], (
        "not one character of the secret part"
    )
    assert leading_secret_id(provider.leading_bytes("session-key", ID_BYTES)) is None
    with pytest.raises(SecretNotFoundError):
        provider.leading_bytes("nothing", ID_BYTES)
    (provider.directory / "db-migrate").chmod(0o640)
    with pytest.raises(UnsafePermissionsError):
        provider.leading_bytes("db-migrate", ID_BYTES)
