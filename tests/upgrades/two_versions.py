"""Processes of two versions of the program on one state folder and one listening socket."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.demo_deployment import inherited_environ
from tests.upgrades.live_load import request
from tests.upgrades.old_code import ROOT

from theseller.postgres.os_processes import stop_with_parent, wait_until

PATIENCE = 180.0
#: Passes sockets as systemd does: from file descriptor 3 on, with the process's own ID.
_AS_SYSTEMD = (
    "import fcntl, os, sys; given = [int(one) for one in sys.argv[1].split(',')];"
    "high = [fcntl.fcntl(one, fcntl.F_DUPFD, 200) for one in given];"
    "[os.dup2(one, 3 + place) for place, one in enumerate(high)];"
    "[os.close(one) for one in {*given, *high} - set(range(3, 3 + len(given)))];"
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)));"
    "os.execv(sys.argv[2], sys.argv[2:])"
)
#: Every kind of change that the release before must live with.
_MIGRATION = '''"""A migration of a test: everything that an expanding release may do."""

from django.db import migrations

from theseller.tenancy.concurrent_indexes import CreateIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("tenancy", "{last}")]
    operations = [
        migrations.RunSQL("""
            create table public.later_table (tenant_id uuid not null, id uuid not null,
                note text not null check (note <> ''), primary key (tenant_id, id));
            select guard.protect('later_table');
        """),
        migrations.RunSQL("alter table tenancy_tenant add column later text not null default 'x'"),
        migrations.RunSQL("alter table ingest_order_line add column later integer"),
        migrations.RunSQL("alter table audit_event add column later text"),
        CreateIndexConcurrently(
            "later_index", table="public.ingest_order_line", definition="(tenant_id, asin)"
        ),
    ]
'''


@dataclass(frozen=True, slots=True)
class Version:
    """The program in `source` on a state folder. `web_processes` of them serve."""

    name: str
    source: Path
    state: Path
    web_processes: int

    @property
    def environ(self) -> dict[str, str]:
        return inherited_environ() | {
            "THESELLER_STATE": str(self.state),
            "THESELLER_ENV": "demo",
            "THESELLER_AMAZON": "emulator:http://127.0.0.1:9",
            "THESELLER_BACKUPS": "none",
            "PYTHONPATH": str(self.source),
        }

    def run(self, *arguments: str) -> str:
        """Run `theseller ARGUMENTS` and return what it printed; it must not fail."""
        done = subprocess.run(
            self._command(*arguments), cwd=self.state.parent, env=self.environ, text=True,
            capture_output=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{self.name}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *arguments: str, sockets: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """Start `theseller ARGUMENTS`; its log is beside the state folder."""
        command = self._command(*arguments)
        if sockets:
            given = ",".join(str(one) for one in sockets)
            command = [sys.executable, "-I", "-S", "-c", _AS_SYSTEMD, given, *command]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.state.parent, env=self.environ, stdout=log, stderr=log,
                pass_fds=sockets,
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip

    @contextlib.contextmanager
    def serving(self, shared: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
        """Serve the shared socket for the block, which begins when this process answers.

        Whether it does is seen at a second socket, of its own.
        """
        with socket.create_server(("127.0.0.1", 0)) as own:
            web = self.start(
                "serve", "--workers", str(self.web_processes),
                sockets=(shared.fileno(), own.fileno()),
            )  # fmt: skip
            port = own.getsockname()[1]
        try:
            assert wait_until(lambda: web.poll() is not None or _ready(port), PATIENCE), self.tail()
            assert web.poll() is None, self.tail()
            yield web
            stop(web)
        finally:
            end(web)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Run a worker for the block, which begins when it takes jobs."""
        before = self._workers_started()
        worker = self.start("worker")
        try:
            assert wait_until(
                lambda: worker.poll() is not None or self._workers_started() > before, PATIENCE
            ), self.tail()
            assert worker.poll() is None, self.tail()
            yield
            stop(worker)
        finally:
            end(worker)

    @contextlib.contextmanager
    def with_database(self) -> Iterator[None]:
        """Run the database of the state folder for the block."""
        database = self.start("postgres", "start")
        try:
            assert wait_until(
                lambda: database.poll() is not None or "Ctrl-C stops it" in self.tail(), PATIENCE
            ), self.tail()
            assert database.poll() is None, self.tail()
            yield
            stop(database)
        finally:
            end(database)

    def _workers_started(self) -> int:
        return (
            self.log.read_text(errors="replace").count('"worker_started"')
            if self.log.exists()
            else 0
        )

    @property
    def log(self) -> Path:
        return self.state.parent / f"{self.name}.log"

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "theseller.cli.main", *arguments]


def _ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        return request(port, "/readyz?without=worker").status == 200
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop it as a service manager does; it must end by itself, and well."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def end(process: subprocess.Popen[bytes]) -> None:
    """End it if a failed test left it."""
    if process.poll() is None:
        process.kill()
        process.wait()


def later_source(folder: Path) -> Path:
    """Return a copy of the checkout's code with one more migration."""
    source = folder / "later"
    shutil.copytree(
        ROOT / "src" / "theseller", source / "theseller",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    migrations = source / "theseller" / "tenancy" / "migrations"
    last = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9999_later.py").write_text(_MIGRATION.format(last=last))
    return source
