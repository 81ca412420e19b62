"""A deployment of its own for rotations: a database, secrets and keys, and real processes.

No other test shares them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests import preloaded
from tests.database import locked, quick_passwords, session_folder, set_quick_password
from tests.demo_deployment import ROOT, free_ports, inherited_environ

from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.secret_and_key_config import (
    SecretConfig,
    make_key_store,
    make_secret_provider,
    parse_secret_config,
)
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_processes import stop_with_parent, wait_until
from theseller.postgres.server import Server
from theseller.postgres.server_folders import conninfo, control_folder, saved_layout

_PATIENCE = 60.0
#: Each process counts what it does in a file of this folder of the state.
COUNTS = "traffic"
#: Makes Django ready, then runs the module that is named first.
WITH_DJANGO = (
    "import django, gc, runpy, sys; gc.disable(); django.setup(); gc.freeze(); gc.enable();"
    " runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)


@dataclass(slots=True)
class Deployment:
    """A running database with its state folder; `environ` is the environment of its processes."""

    state: Path
    environ: dict[str, str]
    server: Server

    def theseller(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `theseller ARGUMENTS` on this deployment."""
        return preloaded.run(["-m", "theseller.cli.main", *arguments], environ=self.environ)

    def python(
        self, module: str, *arguments: str, role: str = "worker"
    ) -> subprocess.CompletedProcess[str]:
        """Run a module of the tests in a process of this deployment."""
        return _run_module(self.environ, module, *arguments, role=role)

    def ask(self, code: str, *arguments: str, role: str = "worker") -> str:
        """Run `code` with Django ready and return what it prints. Raises AssertionError with its trace."""
        done = preloaded.run(
            ["-c", f"import django, sys; django.setup()\n{code}", *arguments],
            environ=self.environ | {"THESELLER_ROLE": role},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def people(self) -> list[dict[str, str]]:
        """Return the shops: tenant, connection, person."""
        return list(json.loads((self.state / "people.json").read_text()))

    def ask_emulator(self, path: str) -> dict[str, Any]:
        """Use one of the emulated Amazon's switches."""
        port = int(self.environ["THESELLER_AMAZON"].rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with contextlib.closing(connection):
            connection.request(
                "POST", f"/_emulator/{path}", "{}", {"Content-Type": "application/json"}
            )
            return dict(json.loads(connection.getresponse().read()))

    @property
    def secrets(self) -> WritableSecretProvider:
        """Return the secret provider that the deployment's processes use."""
        return make_secret_provider(self._choice(), self.environ)

    @property
    def keys(self) -> KeyStore:
        """Return the key store that the deployment's processes use, as one that starts now would see it."""
        return make_key_store(self._choice(), self.secrets, self.environ)

    def _choice(self) -> SecretConfig:
        return parse_secret_config(
            self.environ, environment=self.environ["THESELLER_ENV"], state=self.state, guarded=False
        )

    def secret(self, name: str) -> str:
        return self.secrets.get(name).reveal()

    def secret_names(self) -> set[str]:
        return {
            path.name
            for path in (self.state / "secrets").iterdir()
            if not path.name.startswith(".")
        }

    def listed(self) -> dict[str, dict[str, Any]]:
        """Return the inventory, by name."""
        answer = self.theseller("rotate", "--list", "--json")
        return {one["name"]: one for one in json.loads(answer.stdout)["secrets"]}

    def accepts(self, role: str, password: str, database: str = "theseller") -> bool:
        """Say whether PostgreSQL lets `role` in with `password`."""
        try:
            psycopg.connect(conninfo(self.state, role, password, database)).close()
        except psycopg.OperationalError as error:
            assert "password authentication failed" in str(error), (
                "refused for another reason than its password"
            )
            return False
        return True

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask as the superuser."""
        dsn = conninfo(self.state, "theseller_super", self.secret("db-superuser"))
        with psycopg.connect(dsn, autocommit=True) as connection:
            return connection.execute(query, parameters or None).fetchall()


def _run_module(
    environ: dict[str, str], module: str, *arguments: str, role: str
) -> subprocess.CompletedProcess[str]:
    return preloaded.run(
        ["-c", WITH_DJANGO, module, *arguments], environ=environ | {"THESELLER_ROLE": role}
    )


@contextlib.contextmanager
def deployment(
    variables: Mapping[str, str] | None = None, *, archiving: bool = False, emulated: bool = True
) -> Iterator[Deployment]:
    """Set one up, with shops, people, open connections and sessions; leave nothing of it.

    `variables` are set besides the usual ones, such as where secrets and keys are kept.
    `archiving`: its database context over finished WAL, as backups need it. `emulated`: whether the
    emulated Amazon runs; where nothing calls it, its start only costs time.
    """
    root = Path(tempfile.mkdtemp(prefix="ts-rotation-"))
    root.chmod(0o711)
    state, (port,) = root / "state", free_ports(1)
    environ = _environ(state, port) | dict(variables or {})
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        copied = (variables is None or set(variables) <= _WITHOUT_TRACE) and _copy_of_the_first(
            state
        )
        server = _started(stack, state, environ, archiving=archiving)
        if emulated:
            _start_emulator(stack, state, environ, port)
        if not copied:
            _fill(server, environ)
        assert not emulated or wait_until(lambda: _accepts(port), 60), "the emulator does not start"
        yield Deployment(state, environ, server)


#: Variables that leave nothing in a state folder.
_WITHOUT_TRACE = {"THESELLER_BACKUPS", "THESELLER_PUBLIC_URL"}


def _environ(state: Path, port: int) -> dict[str, str]:
    return inherited_environ() | {
        "THESELLER_ENV": "demo",
        "THESELLER_STATE": str(state),
        "THESELLER_AMAZON": f"emulator:http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "theseller.config.settings",
        "PYTHONUNBUFFERED": "1",
    }


def _copy_of_the_first(state: Path) -> bool:
    """Copy the state folder of a stopped deployment, which is made once for all workers.

    Migrations alone take three seconds.

    Return False if the database's user can't reach it, so that the data would lie elsewhere.
    """
    folder = session_folder() / "deployment"
    with locked(session_folder(), "deployment.lock"), contextlib.ExitStack() as stack:
        if not folder.exists():
            fresh = folder.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o711)
            server = _started(stack, fresh / "state", _environ(fresh / "state", 1))
            _fill(server, _environ(fresh / "state", 1))
            stack.close()
            fresh.rename(folder)
    if not (control_folder(folder / "state") / "data").exists():
        return False
    # With owners and modes: the database's files are its user's.
    subprocess.run(["cp", "-a", str(folder / "state"), str(state)], check=True)
    return True


def _started(
    stack: contextlib.ExitStack, state: Path, environ: dict[str, str], *, archiving: bool = False
) -> Server:
    """Start the database of a state folder with its secrets; `stack` stops it.

    It is made here if it is missing.
    """
    from theseller.cli.deployment_secrets import ensure_secrets
    from theseller.cli.state_folders import make_state_folder

    with within(environ):
        make_state_folder(state)
        secrets = ensure_secrets(state)
    password = secrets.get("db-superuser").reveal()
    binaries = find_binaries(os.environ)
    server = Server(
        state,
        binaries=binaries,
        superuser_password=password,
        durable=False,
        archiving=archiving,
        extra=quick_passwords(binaries.major),
    )
    stack.callback(_remove_elsewhere, state)
    stack.callback(server.stop)
    server.ensure_started()
    return server


def _fill(server: Server, environ: dict[str, str]) -> None:
    """Make the tables, then the shops and people."""
    from theseller.cli.deployment_secrets import ensure_secrets

    with within(environ):
        set_quick_password(server, ensure_secrets(server.state).get("db-superuser").reveal())
    _must(_prepare_database(server, environ))
    _must(_run_module(environ, "tests.integration.fill_deployment", role="web"))


def _start_emulator(
    stack: contextlib.ExitStack, state: Path, environ: dict[str, str], port: int
) -> None:
    from theseller.cli.demo_amazon_application import write_application
    from theseller.cli.deployment_secrets import ensure_secrets

    with within(environ):
        application = write_application(state, "http://127.0.0.1:8100", ensure_secrets(state))
    emulator = subprocess.Popen(
        [sys.executable, "-m", "theseller.emulator", "serve", "--host", "127.0.0.1", "--port",
            str(port), "--state",
         str(state / "emulator"), "--application", str(application)],
        cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    stack.callback(_end, emulator)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20):
        return True
    return False


@contextlib.contextmanager
def within(environ: Mapping[str, str]) -> Iterator[None]:
    """Give this process the environment of the deployment's processes."""
    before = dict(os.environ)
    os.environ.update(
        {name: value for name, value in environ.items() if name.startswith(("THESELLER_", "AWS_"))}
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _prepare_database(server: Server, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Do what `theseller migrate` does on a server that this process runs."""
    code = (
        "import os, sys; from pathlib import Path; from theseller.cli.deployment_secrets import"
        " ensure_secrets, role_passwords;from theseller.postgres.role_setup import ensure_roles; dsn ="
        " sys.argv[1];ensure_roles(dsn,"
        " role_passwords(ensure_secrets(Path(os.environ['THESELLER_STATE']))));import django;"
        " django.setup();from theseller.config.migrate import migrate; from theseller.lib import"
        " clock;migrate(sys.argv[2], at=clock.now())"
    )
    return preloaded.run(
        ["-c", code, server.superuser_dsn(), server.superuser_dsn("theseller")],
        environ=environ | {"THESELLER_ROLE": "migrate"},
    )


def _must(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def _remove_elsewhere(state: Path) -> None:
    layout = saved_layout(state)
    if layout and not layout.home.is_relative_to(state):
        shutil.rmtree(layout.home, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@dataclass(frozen=True, slots=True)
class Counted:
    """What the traffic has done until `at`."""

    at: float
    operations: int
    errors: dict[str, int]
    by_kind: dict[str, int]


@dataclass(slots=True)
class Traffic:
    """Processes that read and write all the time."""

    state: Path
    processes: list[subprocess.Popen[bytes]]

    def look(self) -> Counted:
        """Return the counts of all processes together. Raises AssertionError if one has ended."""
        for process in self.processes:
            assert process.poll() is None, f"the traffic ended: {self.last_words()}"
        operations, errors, kinds = 0, dict[str, int](), dict[str, int]()
        for path in (self.state / COUNTS).glob("*.json"):
            counts = json.loads(path.read_text())
            for kind, number in counts["kinds"].items():
                kinds[kind] = kinds.get(kind, 0) + number
                operations += number
            for error, number in counts["errors"].items():
                errors[error] = errors.get(error, 0) + number
        return Counted(time.monotonic(), operations, errors, kinds)

    def last_words(self) -> str:
        return "\n".join(
            path.read_text(errors="replace")[-3000:] for path in (self.state / COUNTS).glob("*.log")
        )


@contextlib.contextmanager
def traffic(deployed: Deployment) -> Iterator[Traffic]:
    """Run a web-like and a worker-like process for the length of the block."""
    folder = deployed.state / COUNTS
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    running = Traffic(deployed.state, [])
    with contextlib.ExitStack() as stack:
        for role in ("web", "worker"):
            log = stack.enter_context((folder / f"{role}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-c", WITH_DJANGO, "tests.integration.deployment_traffic",
                    str(folder / f"{role}.json")],
                cwd=ROOT, env=deployed.environ | {"THESELLER_ROLE": role}, stdout=log, stderr=log,
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip
            stack.callback(_end, process)
            running.processes.append(process)
        deadline = time.monotonic() + _PATIENCE
        while len(list(folder.glob("*.json"))) < len(running.processes):
            assert all(process.poll() is None for process in running.processes), (
                running.last_words()
            )
            assert time.monotonic() < deadline, running.last_words()
            time.sleep(0.1)
        yield running
