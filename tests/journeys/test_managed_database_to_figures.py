"""An installation on a managed database, by the document's commands, until a seller sees figures.

The administrator of the server may make roles and databases and is no superuser; the server is
reached over TLS with `verify-full`, the mail server by STARTTLS.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from tests.demo_deployment import ROOT, free_ports, inherited_environ
from tests.first_seller import Browser, operator_invites_an_owner, owner_sees_figures
from tests.integration.several_hosts.deployment import database_over_tls
from tests.smtp_server import PASSWORD, USER, RunningServer, smtp_server

from theseller.postgres.os_processes import stop_with_parent, wait_until

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]
_OPERATOR = "ada@shop.internal"
_ADMINISTRATOR, _PASSWORD = "cloud_admin", "password-of-the-cloud"
_PATIENCE = 600.0


@dataclass(slots=True)
class Machine:
    """A plain host: `/etc/theseller` and `/var/lib/theseller` are folders of it."""

    folder: Path
    database: int
    ports: list[int]
    mail: RunningServer

    @property
    def environ(self) -> dict[str, str]:
        found = inherited_environ() | {"THESELLER_CONFIG": str(self.folder / "etc/theseller.env")}
        return found | {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1",
            "HOME": str(self.folder),
        }  # fmt: skip

    @property
    def options(self) -> list[str]:
        """Return the answers to the setup's questions, but for the database."""
        web, emulator, *metrics = self.ports
        return [
            "--user", getpass.getuser(), "--environment", "staging",
            "--address", "https://shop.example", "--proxies", "127.0.0.1",
            "--officer", "Ada Lovelace", "--contact", "security@shop.internal",
            "--legal-entity", "Shop GmbH", "--legal-address", "Example Street 1, 10115 Berlin",
            "--amazon", f"emulator:http://127.0.0.1:{emulator}", "--secrets", "files",
            "--state", str(self.folder / "state"), "--port", str(web),
            "--metrics-port", str(metrics[0]), "--worker-metrics-port", str(metrics[1]),
            "--mail", f"smtp://{quote(USER)}@localhost:{self.mail.port}",
            "--mail-from", "analytics@acme.internal",
            "--operator", _OPERATOR, "--operator-name", "Ada Lovelace",
        ]  # fmt: skip

    def shell(self, commands: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run commands as a person types them."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder, env=self.environ,
            input=given, capture_output=True, text=True, check=False, timeout=_PATIENCE,
        )  # fmt: skip

    def documented_setup(self) -> str:
        """Return the commands of the document, with this machine's names."""
        text = (ROOT / "docs/operate/managed-database.md").read_text()
        [block] = [
            one for one in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "PGPASSWORD" in one
        ]
        for written, here in {
            "ADMINISTRATOR": _ADMINISTRATOR, "HOST:5432": f"localhost:{self.database}",
            "/etc/theseller/database-ca.pem": f"{self.folder}/etc/database-ca.pem",
            "theseller setup ": f"theseller setup {shlex.join(self.options)} ",
        }.items():  # fmt: skip
            assert written in block
            block = block.replace(written, here)
        return str(block)

    def start(self, stack: contextlib.ExitStack, *command: str) -> None:
        """Start a service, as its unit does."""
        log = stack.enter_context((self.folder / f"{command[0]}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "theseller.cli.main", *command],
            cwd="/", env=self.environ, stdout=log, stderr=log,
            # one prctl call, loaded before the fork
            preexec_fn=stop_with_parent(signal.SIGTERM),  # noqa: PLW1509
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.terminate)

    def last_words(self) -> str:
        return "\n".join(log.read_text()[-2000:] for log in self.folder.glob("*.log"))


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Give a machine with the program, beside a managed server and a mail server."""
    folder = Path(tempfile.mkdtemp(prefix="ts-managed-", dir="/tmp"))
    folder.chmod(0o755)  # The database's account passes through.
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("bin", "etc", "mail", "server"):
            (folder / name).mkdir(mode=0o755)
        behind, port, *ports = free_ports(6)
        admin = stack.enter_context(database_over_tls(folder / "server", port, behind))
        with psycopg.connect(admin, autocommit=True) as superuser:
            superuser.execute(
                f"create role {_ADMINISTRATOR} login createrole createdb password '{_PASSWORD}'"
            )
        shutil.copy(folder / "server/database-ca.pem", folder / "etc/database-ca.pem")
        program = folder / "bin/theseller"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m theseller.cli.main "$@"\n')
        program.chmod(0o755)
        mail = stack.enter_context(smtp_server(folder / "mail"))
        yield Machine(folder, port, ports, mail)


def test_a_seller_sees_figures_on_a_managed_database(machine: Machine) -> None:
    done = machine.shell(machine.documented_setup(), f"{_PASSWORD}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    [password] = re.findall(r"first password: (\S+)", done.stdout)
    [declared] = re.findall(r"THESELLER_DATABASE_ADMINISTRATORS=\S+", done.stdout)
    assert declared.endswith(f"={_ADMINISTRATOR}")
    again = machine.shell(f"theseller setup {shlex.join(machine.options)}")
    assert "the administrator is not needed" in again.stdout, again.stdout + again.stderr
    with (machine.folder / "etc/theseller.env").open("a") as file:
        file.write(f"{declared}\nTHESELLER_MAIL_CA_FILE={machine.mail.certificate}\n")
    stored = machine.shell("theseller secrets put smtp-password", f"{PASSWORD}\n")
    [record] = re.findall(r"theseller rotate --created-on \S+ smtp-password", stored.stdout)
    with contextlib.ExitStack() as stack:
        machine.start(stack, "emulator", "--rate-scale", "2000")
        machine.start(stack, "serve", "--workers", "1")
        machine.start(stack, "worker")
        web = Browser(machine.ports[0])
        assert wait_until(lambda: _ready(web), _PATIENCE, step=1.0), machine.last_words()
        assert machine.shell(record).returncode == 0
        link = operator_invites_an_owner(
            Browser(machine.ports[0]), _OPERATOR, password, machine.mail
        )
        owner_sees_figures(Browser(machine.ports[0]), link)
        controls = machine.shell("theseller controls --now --json")
        found = {one["id"]: one for one in json.loads(controls.stdout)["controls"]}
        broken = [one for one in found.values() if one["outcome"] == "broken"]
        assert [(one["id"], one["evidence"]) for one in broken] == []
        assert "1 further role(s)" in found["cred-token-encryption"]["declared"][0]


def _ready(web: Browser) -> bool:
    with contextlib.suppress(OSError):
        return web.ask("/readyz")[0] == 200
    return False
