"""Secrets from bundles and systemd's credentials, and what every provider of files says of its age."""

from __future__ import annotations

import base64
import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from theseller.crypto import file_key_store
from theseller.crypto.environment_secrets import (
    EnvironmentSecretProvider,
    read_bundle,
    write_bundle,
)
from theseller.crypto.errors import (
    KeyStoreError,
    SecretNotFoundError,
    SecretProviderError,
    ServiceState,
)
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
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


def test_environment_provider_reads_variables_and_file_variables(tmp_path: Path) -> None:
    path = tmp_path / "held"
    path.write_text("from a file\n")
    variables = {
        "THESELLER_ROOT_KEY": "from a variable",
        "THESELLER_SESSION_KEY_FILE": str(path),
        "APP_X": "other prefix",
    }
    provider = EnvironmentSecretProvider(variables)
    assert provider.get("root-key").reveal() == "from a variable"
    assert provider.get("session-key").reveal() == "from a file"
    assert EnvironmentSecretProvider(variables, prefix="APP_").get("x").reveal() == "other prefix"
    with pytest.raises(SecretNotFoundError, match="set THESELLER_OTHER, or THESELLER_OTHER_FILE"):
        provider.get("other")


def test_conflicting_missing_or_empty_secret_variables_are_refused(tmp_path: Path) -> None:
    both = EnvironmentSecretProvider({"THESELLER_A": "x", "THESELLER_A_FILE": "/x"})
    with pytest.raises(SecretProviderError, match="both"):
        both.get("a")
    with pytest.raises(
        SecretProviderError, match="THESELLER_A_FILE names cannot be read: No such file"
    ):
        EnvironmentSecretProvider({"THESELLER_A_FILE": str(tmp_path / "none")}).get("a")
    with pytest.raises(SecretProviderError, match="empty"):
        EnvironmentSecretProvider({"THESELLER_A": ""}).get("a")


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

    monkeypatch.setattr(file_key_store, "private_directory", refuse)
    with pytest.raises(
        KeyStoreError, match=r"read-only disk: .*THESELLER_KEY_STORE=vault or aws"
    ) as caught:
        FileKeyStore(tmp_path / "keys", secrets, environment="demo")
    assert caught.value.state is ServiceState.NOT_SET_UP
