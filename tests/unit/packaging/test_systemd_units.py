"""The systemd units and the installation guide fit the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.packaging.systemd_units import FOLDER, settings_of

from theseller.cli.main import build_parser, discover
from theseller.config.config_file import DEFAULT_CONFIG_FILE

_ROOT = Path(__file__).resolve().parents[3]
_GUIDE = _ROOT / "docs" / "operate" / "install.md"
_SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
_COMMANDS = {
    "theseller-db.service": "postgres start",
    "theseller-web.service": "serve",
    "theseller-worker.service": "worker",
}
#: What each service must have; without one of them its exposure is higher.
_HARDENING = {
    "AmbientCapabilities": "", "CapabilityBoundingSet": "", "DevicePolicy": "closed",
    "KeyringMode": "private", "LimitCORE": "0", "LockPersonality": "yes", "MemorySwapMax": "0",
    "MemoryDenyWriteExecute": "yes", "NoNewPrivileges": "yes", "PrivateDevices": "yes",
    "PrivateTmp": "yes", "PrivateUsers": "yes", "ProtectClock": "yes",
    "ProtectControlGroups": "yes", "ProtectHome": "yes", "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible", "ProtectSystem": "strict", "Restart": "always",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native",
    "UMask": "0077", "User": "theseller",
}  # fmt: skip


def test_there_is_a_unit_for_each_process() -> None:
    assert sorted(_COMMANDS) == _SERVICES


@pytest.mark.parametrize("name", _SERVICES)
def test_service_is_hardened_and_starts_a_command_that_exists(name: str) -> None:
    found = settings_of(name)
    assert {key: found.get(key) for key in _HARDENING} == {
        key: [value] for key, value in _HARDENING.items()
    }
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert found["Environment"] == [f"THESELLER_CONFIG={DEFAULT_CONFIG_FILE}"]
    assert found["ExecStart"] == [f"/opt/theseller/.venv/bin/theseller {_COMMANDS[name]}"]
    build_parser().parse_args(_COMMANDS[name].split())
    # The units share an account: systemd would remove the shared memory of the database.
    assert "RemoveIPC" not in found
    assert found["PartOf"] == ["theseller.target"]


def test_the_port_of_the_pages_stays_open_while_the_service_restarts() -> None:
    found = settings_of("theseller-web.socket")
    assert found["ListenStream"] == ["127.0.0.1:8100"]
    # Stopped with the target, it would refuse connections; `Accept` would start a service for each.
    assert not {"PartOf", "Accept", "BindsTo"} & set(found)
    web = settings_of("theseller-web.service")
    assert web["Requires"] == ["theseller-web.socket"]
    assert "theseller-web.socket" in web["After"][0].split()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", _SERVICES)
def test_systemd_rates_the_exposure_of_a_service_at_2_or_less(name: str) -> None:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: apt install systemd"
    done = subprocess.run(
        [program, "security", "--offline=true", "--no-pager", "--threshold=20",
            str(FOLDER / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_the_unit_of_state_exports_is_hardened_and_writes_where_it_exports_to() -> None:
    folder = _ROOT / "deploy" / "state-export"
    found = settings_of("theseller-state-export.service", folder)
    assert {key: found.get(key) for key in _HARDENING if key != "Restart"} == {
        key: [value] for key, value in _HARDENING.items() if key != "Restart"
    }
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    program, *arguments = found["ExecStart"][0].split()
    assert program == "/opt/theseller/.venv/bin/theseller"
    target = build_parser().parse_args(arguments).target
    assert found["ReadWritePaths"] == [str(target)]
    timer = settings_of("theseller-state-export.timer", folder)
    assert timer["OnCalendar"] == ["*-*-* 00/6:30:00"]
    guide = (_ROOT / "docs" / "operate" / "disaster-recovery.md").read_text()
    assert f"s,{target},/your/folder," in guide


def test_the_database_is_ready_before_web_and_worker_start() -> None:
    found = settings_of("theseller-db.service")
    assert (found["Type"], found["TimeoutStartSec"]) == (["notify"], ["infinity"])
    for name in ("theseller-web.service", "theseller-worker.service"):
        # Both are on this machine only if they are installed: an order, no requirement.
        assert {"theseller-db.service", "postgresql.service"} <= set(
            settings_of(name)["After"][0].split()
        )
        assert "postgresql.service" not in settings_of(name).get("Requires", [])


def test_the_unit_of_the_emulated_amazon_is_hardened_and_not_for_production() -> None:
    found = settings_of("theseller-emulator.service", _ROOT / "deploy" / "staging")
    assert {key: found.get(key) for key in _HARDENING} == {
        key: [value] for key, value in _HARDENING.items()
    }
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert found["IPAddressDeny"] == ["any"]
    program, *arguments = found["ExecStart"][0].split()
    assert program == "/opt/theseller/.venv/bin/theseller"
    assert build_parser().parse_args(arguments).command == "emulator"
    assert "deploy/staging/theseller-emulator.service" in (
        _ROOT / "docs" / "operate" / "staging.md"
    ).read_text(encoding="utf-8")


def test_the_guide_names_commands_options_and_files_that_exist() -> None:
    text = _GUIDE.read_text()
    commands = set(re.findall(r"^theseller ([a-z-]+)", text, re.MULTILINE))
    assert {"setup", "secrets", "doctor", "status"} <= commands
    assert commands <= set(discover())
    setup = re.search(r"^theseller setup --address.*?```", text, re.MULTILINE | re.DOTALL)
    assert setup is not None
    known = build_parser().format_help()
    assert known
    options = set(re.findall(r"(--[a-z-]+)", setup[0]))
    parser = build_parser()
    action = next(one for one in parser._actions if one.dest == "command")
    assert isinstance(action.choices, dict)
    accepted = set(action.choices["setup"]._option_string_actions)
    assert len(options) >= 10
    assert options <= accepted
    for path in re.findall(r"\bdeploy/[\w.-]+(?:/[\w.-]+)?", text):
        assert (_ROOT / path).exists(), path
    assert str(DEFAULT_CONFIG_FILE) in text


def test_the_wrapper_is_a_shell_script_that_names_the_same_files() -> None:
    wrapper = _ROOT / "deploy" / "theseller"
    subprocess.run(["sh", "-n", str(wrapper)], check=True)
    text = wrapper.read_text()
    assert str(DEFAULT_CONFIG_FILE) in text
    assert "/opt/theseller/.venv/bin/theseller" in text
    assert wrapper.stat().st_mode & 0o111
