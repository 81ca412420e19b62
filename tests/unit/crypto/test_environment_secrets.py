"""Secrets from bundles and systemd's credentials, and what every provider of files says of its age."""

from __future__ import annotations

import base64
import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from theseller.crypto import key_store
from theseller.crypto.environment_secrets import (
    EnvironmentSecretProvider,
    read_bundle,
    write_bundle,
)
from theseller.crypto.errors import (
    KeyStoreError,
    SecretNotFoundError,
    SecretProviderError,
    ServiceError,
    ServiceState,
)
from theseller.crypto.key_service_client_helpers import PerProcess, checked_address, library
from theseller.crypto.key_store import FileKeyStore
from theseller.crypto.key_types import ROOT_KEY_NAME, new_root_key
from theseller.crypto.secret_providers import FileSecretProvider, WritableSecretProvider
from theseller.lib.secret_type import Secret

# The tests' own threads (xdist has some) do nothing that a forked child waits for.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is multi-threaded, use of fork.*:DeprecationWarning"
)


def test_environment_provider_reads_variables_files_credentials_and_bundle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from a file\n")
    (tmp_path / "credential").write_text("from systemd")
    provider: WritableSecretProvider = EnvironmentSecretProvider(
        {
            "THESELLER_VARIABLE": "from a variable",
            "THESELLER_FILED_FILE": str(tmp_path / "file"),
            "CREDENTIALS_DIRECTORY": str(tmp_path),
            "THESELLER_SECRETS": write_bundle({"bundled": Secret("from the bundle, ü")}).reveal(),
        }
    )
    found = {
        name: provider.get(name).reveal() for name in ("variable", "filed", "credential", "bundled")
    }
    assert found == {
        "variable": "from a variable",
        "filed": "from a file",
        "credential": "from systemd",
        "bundled": "from the bundle, ü",
    }
    ages = {name: provider.written_at(name) is not None for name in found}
    assert ages == {"variable": False, "filed": True, "credential": True, "bundled": False}


def test_secrets_bundle_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    path.write_bytes(write_bundle({"a": Secret("x")}).reveal_bytes() + b"\n")
    assert EnvironmentSecretProvider({"THESELLER_SECRETS_FILE": str(path)}).get("a") == Secret("x")
    with pytest.raises(
        SecretProviderError, match="both THESELLER_SECRETS and THESELLER_SECRETS_FILE"
    ):
        EnvironmentSecretProvider(
            {"THESELLER_SECRETS_FILE": str(path), "THESELLER_SECRETS": "x"}
        ).get("a")


def test_a_name_in_two_places_is_refused(tmp_path: Path) -> None:
    """Whatever pair it is: one of the two is out of date, and no one can say which."""
    (tmp_path / "a").write_text("x")
    places = [
        {"THESELLER_A": "x"},
        {"THESELLER_A_FILE": str(tmp_path / "a")},
        {"CREDENTIALS_DIRECTORY": str(tmp_path)},
        {"THESELLER_SECRETS": write_bundle({"a": Secret("x")}).reveal()},
    ]
    for index, one in enumerate(places):
        assert EnvironmentSecretProvider(one).get("a") == Secret("x")
        for other in places[index + 1 :]:
            with pytest.raises(SecretProviderError, match=r"both .* are set: keep one"):
                EnvironmentSecretProvider({**one, **other}).get("a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64",
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"a": 7}').decode(),
    ],
)
def test_invalid_secrets_bundle_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(SecretProviderError, match="THESELLER_SECRETS holds no bundle") as caught:
        EnvironmentSecretProvider({"THESELLER_SECRETS": text}).get("a")
    assert caught.value.__context__ is None
    assert not text or text not in str(caught.value)


def test_a_bundle_reads_back_what_it_was_made_of() -> None:
    secrets = {"root-key": new_root_key("production"), "b": Secret("two")}
    assert read_bundle(write_bundle(secrets), "x") == secrets
    with pytest.raises(ValueError, match="name"):
        write_bundle({"Not A Name": Secret("x")})


def test_a_secret_file_is_removed_and_dated(tmp_path: Path) -> None:
    provider: WritableSecretProvider = FileSecretProvider(tmp_path / "secrets")
    assert provider.written_at("a") is None
    provider.put("a", Secret("canary"))
    written = provider.written_at("a")
    assert written is not None
    assert written.tzinfo is not None
    with (tmp_path / "secrets/a").open("rb") as file:
        provider.remove("a")
        assert set(file.read()) == {0}
    provider.remove("a")
    with pytest.raises(SecretNotFoundError):
        provider.get("a")


def test_key_store_on_a_read_only_disk_advises_a_key_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = FileSecretProvider(tmp_path / "secrets")
    secrets.put(ROOT_KEY_NAME, new_root_key("demo"))

    def refuse(directory: Path) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(directory))

    monkeypatch.setattr(key_store, "private_directory", refuse)
    with pytest.raises(
        KeyStoreError, match=r"read-only disk: .*THESELLER_KEY_STORE=vault or aws"
    ) as caught:
        FileKeyStore(tmp_path / "keys", secrets, environment="demo")
    assert caught.value.state is ServiceState.NOT_SET_UP


def test_missing_optional_library_error_names_the_setup_command() -> None:
    with pytest.raises(ServiceError, match="`bin/setup vault`") as caught:
        library("hvac_that_nobody_has", "vault")
    assert caught.value.state is ServiceState.NOT_SET_UP


@pytest.mark.parametrize(
    "address",
    [
        "https://vault.example",
        "https://vault.example:8200/",
        "http://127.0.0.1:8200",
        "http://localhost:1",
    ],
)
def test_key_service_address_with_https_or_loopback_is_accepted(address: str) -> None:
    assert checked_address(address) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vault.example",
        "http://vault.example",
        "ftp://127.0.0.1",
        "https://u:p@vault.example",
        "https://",
    ],
)
def test_key_service_address_without_https_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="https://HOST:PORT"):
        checked_address(address)


def test_each_process_has_a_client_of_its_own() -> None:
    made = PerProcess(object)
    assert made.get() is made.get()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"same" if id(made.get()) in inherited(made) else b"own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"own"
    os.close(reader)
    os.close(writer)


def inherited(made: PerProcess[object]) -> set[int]:
    """Return the ids of the clients that were made by other processes."""
    return {id(client) for pid, client in made._made.items() if pid != os.getpid()}
