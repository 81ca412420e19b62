"""`theseller state`: what it prints, refuses and records."""

from __future__ import annotations

import io
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from theseller.audit.event_types import Tag
from theseller.backups.state_export import note_export
from theseller.cli.doctor_state_export import examine_state_export
from theseller.cli.main import main
from theseller.cli.state_folder_locks import exclusive_state_folder
from theseller.config.environment import InvalidSettingError
from theseller.config.state_export_settings import (
    EXPORT_DAYS,
    EXPORT_FOLDER,
    EXPORT_KEY,
    StateExportSettings,
    read_state_export_settings,
)
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_types import Purpose
from theseller.crypto.recovery_key import new_recovery_key, public_recovery_key
from theseller.lib import clock


class Host:
    """A demo's state folder without a database, its exports and its recovery key."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.export, self.key = (folder / name for name in ("state", "export", "key"))
        self._monkeypatch = monkeypatch
        self.use(self.state)

    def use(self, state: Path) -> Path:
        self._monkeypatch.setenv("THESELLER_STATE", str(state))
        return state

    def acts(self, state: Path) -> list[str]:
        lines = (state / "audit" / "acts").read_text().splitlines()
        return [json.loads(line)["tag"] for line in lines]


@pytest.fixture
def host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    """Return a host that has exported its state."""
    for name in list(os.environ):
        if name.startswith("THESELLER_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    made = Host(tmp_path, monkeypatch)
    assert main(["secrets", "fill"]) == 0
    FileKeyStore(
        made.state / "keys", FileSecretProvider(made.state / "secrets"), environment="demo"
    ).create(Purpose.BACKUP, "backup:1")
    assert main(["state", "new-key", str(made.key)]) == 0
    name, _, public = capsys.readouterr().out.strip().split("\n")[-1].partition("=")
    monkeypatch.setenv(name, public)
    assert main(["state", "export", str(made.export)]) == 0
    return made


def test_export_and_import_are_audited_before_they_are_done(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = capsys.readouterr().out
    assert f"{host.export}: " in printed
    assert "The backups are inside of the state folder" in printed
    assert host.acts(host.state) == [Tag.SECRETS_FILLED, Tag.STATE_EXPORTED]
    new = host.use(tmp_path / "new")
    assert main(["state", "import", str(host.export), "--key", str(host.key)]) == 0
    assert "1. theseller restore" in capsys.readouterr().out
    assert host.acts(new) == [Tag.SECRETS_FILLED, Tag.STATE_EXPORTED, Tag.STATE_IMPORTED]
    assert main(["secrets", "fill"]) == 0
    assert "nothing was missing" in capsys.readouterr().out


def test_verify_reads_the_key_from_standard_input_and_needs_no_state_folder(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    host.use(tmp_path / "none")
    monkeypatch.setattr("sys.stdin", io.StringIO(host.key.read_text()))
    capsys.readouterr()
    assert main(["state", "verify", str(host.export), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["environment"], found["live_keys"]) == ("demo", 1)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("another key", "another recovery key"),
        ("no key", "this is no recovery key: that begins with TSRK1-"),
        ("cut", "damaged or cut"),
        ("no export", "no export of a state folder"),
        ("environment", "set THESELLER_ENV=demo"),
        ("provider", "set THESELLER_SECRET_PROVIDER and THESELLER_KEY_STORE as they were"),
    ],
)
def test_imports_that_can_t_be_are_refused_and_write_nothing(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str,
    says: str,
) -> None:
    new, source, key = host.use(tmp_path / "new"), host.export, host.key
    if change == "another key":
        key = tmp_path / "other"
        key.write_text(new_recovery_key().reveal())
    elif change == "no key":
        key = tmp_path / "other"
        key.write_text(public_recovery_key(new_recovery_key()))
    elif change == "cut":
        source.write_bytes(source.read_bytes()[:-5])
    elif change == "no export":
        source = host.key
    elif change == "environment":
        monkeypatch.setenv("THESELLER_ENV", "test")
    else:
        monkeypatch.setattr(
            "theseller.cli.commands.state.read_secret_config", _with_keys_in_a_service
        )
    assert main(["state", "import", str(source), "--key", str(key)]) == 1
    assert says in capsys.readouterr().err
    assert not new.exists()


def _with_keys_in_a_service(*_arguments: object, **_named: object) -> object:
    from types import SimpleNamespace

    return SimpleNamespace(
        provider=SimpleNamespace(value="vault"), key_store=SimpleNamespace(value="vault")
    )


def test_no_command_works_on_a_folder_whose_import_was_interrupted(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = host.use(tmp_path / "new")
    (new / "import" / "content").mkdir(parents=True)
    for command in (
        ["restore"],
        ["migrate"],
        ["secrets", "fill"],
        ["status"],
        ["postgres", "start"],
    ):
        assert main(command) == 1, command
        assert "was interrupted, or is running" in capsys.readouterr().err, command
    assert main(["state", "import", str(host.export), "--key", str(host.key)]) == 0
    assert not (new / "import").exists()
    assert main(["secrets", "fill"]) == 0


def test_a_folder_in_use_is_not_imported_into(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    with exclusive_state_folder(host.state):
        assert main(["state", "import", str(host.export), "--key", str(host.key)]) == 1
    assert "works on" in capsys.readouterr().err
    assert main(["state", "import", str(host.export), "--key", str(host.key)]) == 0


def test_an_export_needs_a_state_folder_and_a_recovery_key(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for value, says in (
        ("", "is not set"),
        ("TSRP1-ABCD", "this public recovery key was mistyped"),
        (host.key.read_text(), "begins with TSRP1-"),
    ):
        monkeypatch.setenv(EXPORT_KEY, value)
        assert main(["state", "export", str(tmp_path / "second")]) == 1
        assert says in capsys.readouterr().err
    assert main(["state", "new-key", str(host.key)]) == 1
    assert "exists; nothing was changed" in capsys.readouterr().err
    shutil.rmtree(host.state)
    assert main(["state", "export", str(tmp_path / "second")]) == 1
    assert "is not a state folder" in capsys.readouterr().err
    assert not (tmp_path / "second").exists()


def _age(path: Path, days: float) -> None:
    at = (clock.now() - timedelta(days=days)).timestamp()
    os.utime(path, (at, at))


def test_doctor_tells_the_age_of_the_last_export_and_what_changed_since(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examine_state_export(host.state)
    assert (found.state, found.found) == (
        "good",
        "0 h old; since then 0 key(s) made, 0 destroyed, 0 secret(s) written",
    )
    keys = FileKeyStore(
        host.state / "keys", FileSecretProvider(host.state / "secrets"), environment="demo"
    )
    keys.create(Purpose.PII, "pii-day:2030-01-01")  # In no export, so not a change.
    keys.destroy(keys.create(Purpose.BACKUP, "backup:2").id)
    keys.create(Purpose.BACKUP, "backup:3")
    found = examine_state_export(host.state)
    assert found.state == "good"
    assert "since then 1 key(s) made, 1 destroyed, 0 secret(s)" in found.found
    note_export(host.state, at=clock.now() - timedelta(days=6))
    assert examine_state_export(host.state).state == "good"
    _age(host.state / "secrets" / "root-key", days=2)
    assert examine_state_export(host.state).state == "bad"  # That is in no export for two days.
    _age(host.state / "secrets" / "root-key", days=9)
    monkeypatch.setenv(EXPORT_DAYS, "5")
    assert examine_state_export(host.state).state == "bad"
    monkeypatch.setenv(EXPORT_DAYS, "29")
    assert "must be 1 to 28" in examine_state_export(host.state).found
    monkeypatch.delenv(EXPORT_DAYS)
    (host.state / ".theseller-last-export").unlink()
    found = examine_state_export(host.state)
    assert (found.state, found.found) == ("bad", "never: with this host the keys are lost")


def test_doctor_asks_for_no_export_if_a_service_has_secrets_and_keys(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THESELLER_ENV", "test")
    (host.state / ".theseller-state").write_text("test\n")
    monkeypatch.setenv("THESELLER_SECRET_PROVIDER", "vault")
    monkeypatch.setenv("THESELLER_VAULT_ADDRESS", "https://vault.example:8200")
    found = examine_state_export(host.state)
    assert (found.state, found.found) == (
        "not-checked",
        "not needed: secrets are in vault and keys in vault",
    )


@pytest.mark.parametrize(
    ("folder", "key", "says"),
    [
        ("exports", "key", "must be an absolute folder"),
        ("/exports", "", "needs THESELLER_STATE_EXPORT_KEY"),
        ("/exports", "key", ""),
        ("", "", ""),
    ],
)
def test_settings_of_exports_by_the_worker_belong_together(
    folder: str, key: str, says: str
) -> None:
    public = public_recovery_key(new_recovery_key()) if key else ""
    environ = {EXPORT_FOLDER: folder, EXPORT_KEY: public}
    if says:
        with pytest.raises(InvalidSettingError, match=says):
            read_state_export_settings(environ)
        return
    found = read_state_export_settings(environ)
    assert found == StateExportSettings(public or None, Path(folder) if folder else None, 7)
