"""The containers run the processes of the systemd units, with the same restrictions."""

from __future__ import annotations

import itertools
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.packaging.systemd_units import FOLDER, settings_of
from tools.image.build_image import ACCOUNT_NUMBER, PORT, RUN

from theseller.cli.main import build_parser
from theseller.config.config_file import DEFAULT_CONFIG_FILE
from theseller.config.release_settings import read_release_settings
from theseller.postgres.server_folders import PORT as POSTGRES_PORT
from theseller.postgres.server_folders import socket_directory

_ROOT = Path(__file__).resolve().parents[3]
_CONTAINER = _ROOT / "deploy" / "container"
_SERVICES = {"database": "theseller-db", "web": "theseller-web", "worker": "theseller-worker"}
_STATE, _BACKUPS = "/var/lib/theseller", "/var/backups/theseller"


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((_CONTAINER / "compose.yaml").read_text())
    return document


def _service(name: str) -> dict[str, Any]:
    service: dict[str, Any] = _compose()["services"][name]
    return service


def _unit(name: str) -> dict[str, list[str]]:
    return settings_of(f"{_SERVICES[name]}.service")


def test_there_is_a_container_for_each_unit() -> None:
    assert sorted(_compose()["services"]) == sorted(_SERVICES)
    assert sorted(_SERVICES.values()) == sorted(path.stem for path in FOLDER.glob("*.service"))


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_a_container_runs_the_command_of_its_unit(name: str) -> None:
    command = list(_service(name)["command"])
    started = _unit(name)["ExecStart"][0].split()
    assert [*RUN.entrypoint, *command][: len(started)] == started
    # In its container the web listens on all addresses; compose publishes them to this machine.
    assert command[len(started) - 1 :] == (["--host", "0.0.0.0"] if name == "web" else [])  # noqa: S104
    build_parser().parse_args(command)
    assert _service(name)["image"].startswith("localhost/theseller:${IMAGE_VERSION:?")


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_a_container_has_the_restrictions_of_its_unit(name: str) -> None:
    service, unit = _service(name), _unit(name)
    assert (unit["NoNewPrivileges"], service["security_opt"]) == (
        ["yes"], ["no-new-privileges:true"],
    )  # fmt: skip
    assert (unit["CapabilityBoundingSet"], service["cap_drop"]) == ([""], ["ALL"])
    assert (unit["ProtectSystem"], service["read_only"]) == (["strict"], True)
    assert (unit["LimitCORE"], service["ulimits"]) == (["0"], {"core": 0})
    assert (unit["Restart"], service["restart"]) == (["always"], "always")
    assert (unit["User"], service["user"]) == (
        ["theseller"], f"{ACCOUNT_NUMBER}:{ACCOUNT_NUMBER}",
    )  # fmt: skip
    assert service["user"] == RUN.user
    assert service["stop_grace_period"] == f"{unit['TimeoutStopSec'][0]}s"
    [temporary] = service["tmpfs"]
    assert unit["PrivateTmp"] == ["yes"]
    assert temporary.startswith("/tmp:")  # noqa: S108
    assert {"noexec", "nosuid", "nodev"} <= set(temporary.split(","))
    assert service["pids_limit"]
    assert service["pull_policy"] == "never"
    granted = {"cap_add", "devices", "ipc", "network_mode", "pid", "privileged", "userns_mode"}
    assert not granted & service.keys()


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_a_container_writes_only_where_its_unit_may(name: str) -> None:
    service, unit = _service(name), _unit(name)
    volumes = {one.split(":")[0]: one.split(":")[1:] for one in service["volumes"]}
    assert {source for source, (target, *_) in volumes.items() if source != target} == set()
    writable = {source for source, (_, *options) in volumes.items() if options != ["ro"]}
    expected = {f"/var/lib/{unit['StateDirectory'][0]}"}
    # The web only lists backups; in a unit it may read every folder.
    if name != "database":
        expected.add(_BACKUPS)
        assert f"-{_BACKUPS}" in settings_of("theseller-worker.service")["ReadWritePaths"]
    assert writable == expected
    assert str(DEFAULT_CONFIG_FILE.parent) in volumes


def test_the_database_has_no_network_and_the_port_is_this_machines() -> None:
    compose = _compose()
    assert compose["services"]["database"]["networks"] == ["isolated"]
    assert compose["networks"]["isolated"] == {"internal": True}
    assert _unit("database")["IPAddressDeny"] == ["any"]
    published = {name: one.get("ports", []) for name, one in compose["services"].items()}
    assert published == {"database": [], "web": [f"127.0.0.1:{PORT}:{PORT}"], "worker": []}


def _python_of(name: str) -> str:
    """Return the code that a health check runs."""
    kind, command = _service(name)["healthcheck"]["test"]
    program, option, code = shlex.split(command)
    assert (kind, program, option) == ("CMD-SHELL", "python", "-c")
    return code


def test_the_web_is_healthy_if_it_is_ready() -> None:
    code = _python_of("web")
    compile(code, "healthcheck", "exec")
    assert f'"http://127.0.0.1:{PORT}/readyz"' in code


def test_the_database_is_healthy_if_it_accepts_connections(tmp_path: Path) -> None:
    code = _python_of("database")
    path = f"{socket_directory(Path(_STATE))}/.s.PGSQL.{POSTGRES_PORT}"
    assert path in code
    here = [sys.executable, "-c", code.replace(path, str(tmp_path / "s"))]
    assert subprocess.run(here, capture_output=True, check=False).returncode != 0
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        assert subprocess.run(here, check=False).returncode == 0


def test_the_release_is_named_and_no_secret() -> None:
    for name in _SERVICES:
        environment = _service(name)["environment"]
        assert sorted(environment) == ["THESELLER_RELEASE", "THESELLER_RELEASE_KEY"]
        assert read_release_settings(environment).folder is not None
        assert "/opt/theseller/releases" in {
            one.split(":")[0] for one in _service("worker")["volumes"]
        }


def test_the_wrapper_restricts_a_container_of_its_own_in_the_same_way() -> None:
    wrapper = _CONTAINER / "theseller"
    subprocess.run(["sh", "-n", str(wrapper)], check=True)
    assert wrapper.stat().st_mode & 0o111
    text = wrapper.read_text().replace("\\\n", " ")
    [line] = [one for one in text.splitlines() if '"$engine" run' in one]
    words = shlex.split(line)
    given: dict[str, list[str]] = {}
    for option, value in itertools.pairwise(words):
        if option.startswith("--"):
            given.setdefault(option, []).append(value)
    worker = _service("worker")
    assert "--read-only" in words
    assert "--rm" in words
    assert given["--user"] == [worker["user"]]
    assert given["--cap-drop"] == worker["cap_drop"]
    assert given["--security-opt"] == worker["security_opt"]
    assert given["--tmpfs"] == worker["tmpfs"]
    assert given["--shm-size"] == [worker["shm_size"]]
    assert given["--pids-limit"] == [str(worker["pids_limit"])]
    assert given["--ulimit"] == ["core=0"]
    assert given["--network"] == [_compose()["networks"]["outgoing"]["name"]]
    # It is the one that may write the configuration file.
    volumes = [one.removesuffix(":ro") if "/etc/" in one else one for one in worker["volumes"]]
    assert given["--volume"] == volumes
    names = {one.partition("=")[0] for one in given["--env"]}
    assert names == {*worker["environment"], "THESELLER_ADMIN_URL", "PGPASSWORD"}
    containers = {one["container_name"] for one in _compose()["services"].values()}
    assert set(re.findall(r"theseller-[a-z]+", text)) <= containers | {"theseller-emulator"}
