"""`theseller emulator` serves staging on this machine only, with the deployment's application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from theseller.cli.commands import emulator
from theseller.cli.main import main

_STAGING = {
    "THESELLER_ENV": "staging", "THESELLER_PUBLIC_URL": "https://shop.example",
    "THESELLER_TRUSTED_PROXIES": "127.0.0.1", "THESELLER_ALLOW_FILE_SECRETS": "yes",
    "THESELLER_AMAZON": "emulator:http://127.0.0.1:8109",
}  # fmt: skip


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in _STAGING.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("THESELLER_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_emulator_knows_the_application_and_the_secret_of_the_deployment(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(arguments: list[str]) -> int:
        started.append(arguments)
        return 0

    monkeypatch.setattr(emulator, "emulator_main", start)
    assert main(["emulator"]) == 0
    (arguments,) = started
    assert arguments[:5] == ["serve", "--host", "127.0.0.1", "--port", "8109"]
    file = state / "emulator" / "application.json"
    assert str(file) in arguments
    application = json.loads(file.read_text())
    assert application["redirect_uris"] == ["https://shop.example/connections/callback/"]
    first = application["client_secrets"]
    assert main(["emulator"]) == 0
    assert json.loads(file.read_text())["client_secrets"] == first


def test_in_a_container_it_listens_for_the_others(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(arguments: list[str]) -> int:
        started.append(arguments)
        return 0

    monkeypatch.setattr(emulator, "emulator_main", start)
    monkeypatch.setenv("THESELLER_AMAZON", "emulator:http://10.89.100.1:8101")
    assert main(["emulator", "--host", "192.0.2.7"]) == 0
    assert started[0][:5] == ["serve", "--host", "192.0.2.7", "--port", "8101"]
    assert state.is_dir()


@pytest.mark.parametrize(
    ("amazon", "said"),
    [
        ("amazon", "names no emulator"),
        ("emulator:http://10.0.0.5:8101", "serves this machine only"),
    ],
)
def test_a_deployment_with_amazon_or_another_machine_is_refused(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    amazon: str, said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("THESELLER_AMAZON", amazon)
    monkeypatch.setenv("THESELLER_LWA_CLIENT_ID", "amzn1.application-oa2-client.0123456789abcdef")
    monkeypatch.setenv("THESELLER_APPLICATION_ID", "amzn1.sp.solution.0123456789abcdef")
    assert main(["emulator"]) == 1
    assert said in capsys.readouterr().err
    assert not state.exists()
