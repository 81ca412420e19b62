"""`theseller setup`: a machine without anything becomes a deployment that serves."""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import preloaded
from tests.demo_deployment import ROOT, free_ports, inherited_environ

from theseller.cli.setup_steps import Account, Steps
from theseller.postgres.os_processes import stop_with_parent, wait_until

pytestmark = pytest.mark.timeout(600)


@dataclass(slots=True)
class Machine:
    folder: Path
    environ: dict[str, str]
    ports: list[int]

    @property
    def config(self) -> Path:
        return self.folder / "etc" / "theseller.env"

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.theseller("setup", "--config", str(self.config), *arguments)

    def theseller(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return preloaded.run(["-m", "theseller.cli.main", *arguments], environ=self.environ)

    def options(self) -> list[str]:
        return [
            "--user", getpass.getuser(), "--environment", "staging",
            "--address", "https://shop.example", "--proxies", "127.0.0.1",
            "--officer", "Ada Lovelace", "--contact", "security@shop.internal",
            "--legal-entity", "Shop GmbH", "--legal-address", "Example Street 1, 10115 Berlin",
            "--lwa-client-id", "amzn1.application-oa2-client.canary",
            "--application-id", "amzn1.sp.solution.canary",
            "--state", str(self.folder / "state"), "--backups", str(self.folder / "backups"),
            "--database", "embedded", "--secrets", "files", "--port", str(self.ports[0]),
            "--metrics-port", str(self.ports[1]), "--worker-metrics-port", str(self.ports[2]),
        ]  # fmt: skip


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="ts-setup-"))
    folder.chmod(0o711)
    environ = {
        name: value
        for name, value in inherited_environ().items()
        if not name.startswith(("THESELLER_", "DATABASE_URL"))
    }
    yield Machine(folder, environ | {"PYTHONUNBUFFERED": "1"}, free_ports(3))
    shutil.rmtree(folder, ignore_errors=True)


def test_check_changes_nothing_and_names_what_is_missing(machine: Machine) -> None:
    done = machine.setup("--check")
    assert done.returncode == 1
    assert f"✗ configuration  {machine.config} does not exist" in done.stdout
    missing = machine.setup("--check", "--user", "no-such-account")
    assert "✗ account        There is no account 'no-such-account'" in missing.stdout
    assert list(machine.folder.iterdir()) == []


def test_missing_and_wrong_answers_are_named_and_nothing_is_written(machine: Machine) -> None:
    done = machine.setup("--user", getpass.getuser(), "--address", "https://shop.example")
    assert done.returncode == 2
    assert "--officer, --contact, --legal-entity" in done.stderr
    wrong = [*machine.options(), "--address", "http://shop.example"]
    done = machine.setup(*wrong)
    assert done.returncode == 1
    assert "THESELLER_PUBLIC_URL must be an https:// address" in done.stderr
    done = machine.setup(*machine.options(), "--contact", "security@example.com")
    assert done.returncode == 1
    assert "THESELLER_SECURITY_CONTACT: staging needs the real text" in done.stderr
    assert list(machine.folder.iterdir()) == []


def test_setup_makes_a_deployment_that_serves_and_can_be_repeated(machine: Machine) -> None:
    operator = ["--operator", "ada@shop.example", "--operator-name", "Ada Lovelace"]
    done = machine.setup(*machine.options(), *operator)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "https://shop.example/connections/callback/" in done.stdout
    assert "theseller secrets put lwa-client-secret" in done.stdout
    password = re.search(r"first password: (\S+)", done.stdout)
    assert password is not None
    assert machine.config.stat().st_mode & 0o777 == 0o640
    assert password[1] not in machine.config.read_text()
    before = machine.config.read_bytes(), _secrets(machine)

    again = machine.setup("--user", getpass.getuser())
    assert again.returncode == 0, again.stdout + again.stderr
    assert "unchanged" in again.stdout
    assert "nothing was missing" in again.stdout
    assert "operator: there is one" in again.stdout
    assert "first password" not in again.stdout
    assert (machine.config.read_bytes(), _secrets(machine)) == before

    checked = machine.setup("--check")
    assert "✓ configuration" in checked.stdout
    assert "✓ state folder" in checked.stdout
    machine.environ["THESELLER_CONFIG"] = str(machine.config)
    _refuses_placeholders(machine)
    _serves(machine)


def _refuses_placeholders(machine: Machine) -> None:
    """Check that neither web nor worker starts with a placeholder, each by its own check."""
    environ = machine.environ | {"THESELLER_LEGAL_ENTITY": "TODO"}
    for command in ("serve", "worker"):
        done = preloaded.run(["-m", "theseller.cli.main", command], environ=environ)
        assert done.returncode == 1
        assert "THESELLER_LEGAL_ENTITY: staging needs the real text" in done.stderr


def _secrets(machine: Machine) -> dict[str, bytes]:
    folder = machine.folder / "state" / "secrets"
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _serves(machine: Machine) -> None:
    """Start database and web as the units do, with the file alone, and look at both."""
    with contextlib.ExitStack() as stack:
        for command in (["postgres", "start"], ["serve", "--workers", "1"]):
            process = subprocess.Popen(
                [sys.executable, "-m", "theseller.cli.main", *command],
                cwd=ROOT, env=machine.environ, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=_like_a_unit,  # calls of prctl, loaded before the fork  # noqa: PLW1509
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)
            if command[0] == "postgres":
                assert wait_until(
                    lambda: machine.theseller("postgres", "status").returncode == 0, 120, step=1.0
                )
        assert wait_until(lambda: _readiness(machine) == (200, "ready\n"), 120, step=0.5)
        found = json.loads(machine.theseller("operator", "list", "--json").stdout)
        assert [one["email"] for one in found] == ["ada@shop.example"]
        report = json.loads(machine.theseller("doctor", "--json").stdout)
        states = {one["what"]: one["state"] for one in report}
        assert states["web"] == states["contact"] == states["file rights"] == "good"
        assert states["configuration"] == states["schema"] == "good"
        # Nothing answers at shop.example, Amazon's secret is not stored, no worker runs, and the
        # state was never exported.
        bad = {what for what, state in states.items() if state == "bad"}
        assert bad == {"TLS", "proxy", "secrets", "state export", "worker"}
        (machine.folder / "state" / "keys").chmod(0o755)
        report = json.loads(machine.theseller("doctor", "--json").stdout)
        (machine.folder / "state" / "keys").chmod(0o700)
        rights = next(one for one in report if one["what"] == "file rights")
        assert rights["state"] == "bad"
        assert rights["found"].endswith("state/keys")


_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
_end_with_this_test = stop_with_parent(signal.SIGTERM)


def _like_a_unit() -> None:
    """Refuse memory that is writable and executable, as the units do (Linux 6.3 and newer)."""
    if _end_with_this_test is not None:
        _end_with_this_test()
    _LIBC.prctl(_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)


def _readiness(machine: Machine) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", machine.ports[0], timeout=30)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz?without=worker")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return 0, ""


def test_root_acts_as_the_account_and_keeps_the_file_for_its_group(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = Account("theseller", 4711, 4712)
    steps = Steps(account, tmp_path / "etc" / "theseller.env", tmp_path / "state", embedded=True)
    owners: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *ids: owners.append((Path(path), *ids)))
    assert steps.write_file("THESELLER_ENV=staging\n")
    assert not steps.write_file("THESELLER_ENV=staging\n")
    steps.make_state_folder()
    assert owners == [
        (tmp_path / "etc" / ".theseller.env.new", 0, 4712),
        (tmp_path / "state", 4711, 4712),
    ]
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    identity = steps._identity()
    assert (identity["user"], identity["group"], identity["extra_groups"]) == (4711, 4712, [])
