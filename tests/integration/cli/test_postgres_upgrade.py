"""The embedded database is upgraded from PostgreSQL 15, by real servers of both versions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests import preloaded
from tests.demo_deployment import ROOT
from tests.integration.cli.killed_upgrade import COPYING, EXCHANGING
from tests.integration.deployment import deployment

from theseller.postgres.binaries import Binaries, find_binaries
from theseller.postgres.database_content_digest import Content, read_content
from theseller.postgres.server import Server
from theseller.postgres.server_folders import made_by, saved_layout
from theseller.postgres.temporary_server_removal import upgrade_folder

pytestmark = pytest.mark.exhaustive
_OLD = 15


@dataclass(frozen=True, slots=True)
class Old:
    """A stopped deployment whose database is of the old version."""

    state: Path
    environ: dict[str, str]
    programs: Path
    password: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return preloaded.run(
            ["-m", "theseller.cli.main", *arguments],
            environ=self.environ | {"THESELLER_STATE": str(self.state)},
        )

    def upgrade(self, *more: str) -> subprocess.CompletedProcess[str]:
        return self.run("postgres", "upgrade", "--old-programs", str(self.programs), *more)

    def killed(self, step: str) -> None:
        done = preloaded.run(
            ["-m", "tests.integration.cli.killed_upgrade", str(self.programs), step],
            environ=self.environ | {"THESELLER_STATE": str(self.state)},
        )
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr

    def server(self, binaries: Binaries) -> Server:
        return Server(self.state, binaries=binaries, superuser_password=self.password)

    def content(self, binaries: Binaries) -> Content:
        server = self.server(binaries)
        with server.running():
            return read_content(server.superuser_dsn("theseller"))

    @property
    def data(self) -> Path:
        layout = saved_layout(self.state)
        assert layout is not None
        return layout.data


@pytest.fixture(scope="module")
def old_programs() -> Path:
    found = subprocess.run(
        [ROOT / "bin" / "postgresql", str(_OLD)], check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(found.stdout.strip())


@pytest.fixture(scope="module")
def template(old_programs: Path) -> Iterator[Old]:
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("THESELLER_PG_BIN", str(old_programs))
        made = stack.enter_context(
            deployment({"THESELLER_PG_BIN": str(old_programs)}, emulated=False)
        )
        made.server.stop()
        patched.undo()
        environ = {
            name: value for name, value in made.environ.items() if name != "THESELLER_PG_BIN"
        }
        yield Old(made.state, environ, old_programs, made.secret("db-superuser"))


@pytest.fixture
def old(template: Old) -> Iterator[Old]:
    root = Path(tempfile.mkdtemp(prefix="ts-upgrade-"))
    root.chmod(0o711)
    subprocess.run(["cp", "-a", str(template.state), str(root / "state")], check=True)
    yield Old(root / "state", template.environ, template.programs, template.password)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def old_binaries(old_programs: Path) -> Binaries:
    return find_binaries({"THESELLER_PG_BIN": str(old_programs)})


@pytest.fixture(scope="module")
def new_binaries() -> Binaries:
    return find_binaries({name: os.environ[name] for name in ("PATH",)})


def test_upgraded_database_has_the_same_content_and_counts_on(
    old: Old, old_binaries: Binaries, new_binaries: Binaries
) -> None:
    before = old.content(old_binaries)
    refused = old.run("postgres", "start")
    assert refused.returncode == 1
    assert "theseller postgres upgrade" in refused.stderr
    found = {one["what"]: one for one in json.loads(old.run("doctor", "--json").stdout)}
    assert "theseller postgres upgrade" in found["database"]["advice"]
    assert "was made by PostgreSQL 15" in old.run("status").stderr

    done = old.upgrade()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(before.tables)} tables with" in done.stdout
    assert made_by(old.data) == str(new_binaries.major)
    (aside,) = old.data.parent.glob("data.replaced-*")
    assert made_by(aside) == str(_OLD)
    after = old.content(new_binaries)
    assert (after.tables, after.sequences) == (before.tables, before.sequences)

    server = old.server(new_binaries)
    with server.running(), psycopg.connect(server.superuser_dsn("theseller")) as connection:
        (ahead, timeline) = (
            connection.execute(
                "select pg_current_xact_id()::text::bigint > (select max(txid) from audit_event),"
                " left(pg_walfile_name(pg_current_wal_lsn()), 8)"
            ).fetchone()
            or ()
        )
        assert ahead
        assert int(timeline, 16) == 2
        assert old.run("migrate", "--quiet").returncode == 0
        assert old.run("audit", "verify").returncode == 0

    again = old.upgrade()
    assert again.returncode == 1
    assert "A minor release needs no upgrade" in again.stderr
    removed = old.run("postgres", "upgrade", "--remove-old")
    assert f"deleted {aside}" in removed.stdout
    assert not aside.exists()


def test_backup_is_due_after_an_upgrade_and_can_be_restored(
    old: Old, old_binaries: Binaries, new_binaries: Binaries
) -> None:
    def backups(binaries: Binaries) -> list[dict[str, object]]:
        server = Server(
            old.state, binaries=binaries, superuser_password=old.password, archiving=True
        )
        environ = {"THESELLER_PG_BIN": str(binaries.bin_dir), "THESELLER_STATE": str(old.state)}
        with server.running():
            kept = preloaded.run(["-c", _KEEP], environ=old.environ | environ)
            assert kept.returncode == 0, kept.stdout + kept.stderr
            listed = preloaded.run(
                ["-m", "theseller.cli.main", "backup", "list", "--json"],
                environ=old.environ | environ,
            )
        return list(json.loads(listed.stdout)["backups"])

    assert len(backups(old_binaries)) == 1
    assert len(backups(old_binaries)) == 1
    done = old.upgrade()
    assert done.returncode == 0, done.stdout + done.stderr
    found = backups(new_binaries)
    assert len(found) == 2
    before = old.content(new_binaries)
    restored = old.run("restore")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert old.content(new_binaries).tables.keys() == before.tables.keys()


_KEEP = """
import os
os.environ["THESELLER_ROLE"] = "worker"
import django; django.setup()
from datetime import timedelta
from theseller.backups.backup_configuration import backup_context
from theseller.backups.scheduled_operations import is_due
from theseller.backups.operations import take
from theseller.lib import clock
context = backup_context(new=True)
if is_due(context, at=clock.now() + timedelta(minutes=10)):
    take(context, now=clock.now)
"""


@pytest.mark.parametrize("step", COPYING)
def test_upgrade_that_is_killed_while_it_copies_leaves_the_old_database(
    old: Old, old_binaries: Binaries, new_binaries: Binaries, step: str
) -> None:
    before = old.content(old_binaries)
    old.killed(step)
    assert made_by(old.data) == str(_OLD)
    assert upgrade_folder(old.state).exists()
    assert old.content(old_binaries) == before
    assert not upgrade_folder(old.state).exists()
    if step == "copied":
        old.killed(step)
        done = old.upgrade()
        assert done.returncode == 0, done.stdout + done.stderr
        assert old.content(new_binaries).tables == before.tables


@pytest.mark.parametrize("step", EXCHANGING)
def test_upgrade_that_is_killed_while_it_exchanges_is_finished_by_the_next_start(
    old: Old, old_binaries: Binaries, new_binaries: Binaries, step: str
) -> None:
    before = old.content(old_binaries)
    old.killed(step)
    after = old.content(new_binaries)
    assert (after.tables, after.sequences) == (before.tables, before.sequences)
    assert made_by(old.data) == str(new_binaries.major)
    assert not upgrade_folder(old.state).exists()
    (aside,) = old.data.parent.glob("data.replaced-*")
    assert made_by(aside) == str(_OLD)


def test_database_that_is_in_use_is_not_upgraded(old: Old, old_binaries: Binaries) -> None:
    before = old.content(old_binaries)
    with old.server(old_binaries).running():
        done = old.upgrade()
        assert done.returncode == 1
        assert "already run by process" in done.stderr
    with subprocess.Popen(
        ["flock", "--shared", str(old.state / ".theseller-state"), "sleep", "120"]
    ) as user:
        done = old.upgrade()
        user.terminate()
    assert done.returncode == 1
    assert "A process of this deployment runs" in done.stderr
    assert old.content(old_binaries) == before
