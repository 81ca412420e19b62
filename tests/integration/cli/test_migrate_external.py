"""The first `theseller migrate` on an external server succeeds with one address.

At once, whatever is there; and what it refuses.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests import preloaded
from tests.demo_deployment import inherited_environ

from theseller.cli.main import main
from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_account import server_account
from theseller.postgres.os_processes import stop_with_parent, wait_until

_PATIENCE = 60.0


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL that someone else owns, as a distribution sets one up.

    Superuser `postgres`, a Unix socket, no database of ours.
    """

    socket: Path

    def admin(self, database: str = "") -> str:
        return f"postgresql://postgres@/{database}?host={self.socket}"

    def run(self, database: str, state: Path, *, admin: str) -> subprocess.CompletedProcess[str]:
        environ = inherited_environ() | {
            "THESELLER_STATE": str(state),
            "DATABASE_URL": f"postgresql:///{database}?host={self.socket}",
            "THESELLER_ADMIN_URL": admin,
        }
        return preloaded.run(["-m", "theseller.cli.main", "migrate"], environ=environ)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.admin(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def reset(self) -> None:
        """Remove what a `migrate` made."""
        for (name,) in self.execute(
            "select datname from pg_database where not datistemplate and datname <> 'postgres'"
        ):
            self.execute(f'drop database "{name}" with (force)')
        for (name,) in self.execute(
            "select rolname from pg_roles where starts_with(rolname, 'theseller_')"
        ):
            self.execute(f'drop owned by "{name}"')
            self.execute(f'drop role "{name}"')


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    root = Path(tempfile.mkdtemp(prefix="ts-external-"))
    root.chmod(0o755)
    binaries = find_binaries(os.environ)
    account = server_account(root / "data", lambda _sentence: None)
    for folder in (root / "data", root / "run"):
        folder.mkdir(mode=0o755)
        os.chown(folder, account.uid, account.gid)
    options = account.popen_options()
    bin_dir = binaries.bin_dir
    initialise: list[str | Path] = [
        bin_dir / "initdb",
        "-D",
        root / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
    ]
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, cwd="/", **options)
    server = subprocess.Popen(
        [bin_dir / "postgres", "-D", root / "data", "-k", root / "run", "-c", "listen_addresses=",
            "-c", "fsync=off", "-c", "max_connections=30"],
        # one prctl call, loaded before the fork
        cwd="/", stderr=subprocess.DEVNULL, **options,
        preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    found = Cluster(root / "run")

    def up() -> bool:
        try:
            return bool(found.execute("select 1"))
        except psycopg.OperationalError:
            return False

    try:
        assert wait_until(up, _PATIENCE)
        yield found
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(_PATIENCE)
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize(
    ("admin", "before", "message"),
    [
        ("", "", "created the database shopdata"),
        (
            "postgres",
            "create database shopdata",
            "the database shopdata belongs to theseller_owner now; before, to postgres",
        ),
    ],
)
def test_first_migrate_of_an_external_server_succeeds(
    cluster: Cluster, tmp_path: Path, admin: str, before: str, message: str
) -> None:
    cluster.reset()
    if before:
        cluster.execute(before)
    answer = cluster.run("shopdata", tmp_path / "state", admin=cluster.admin(admin))
    assert answer.returncode == 0, answer.stderr
    assert "created the roles of TheSeller" in answer.stdout
    assert message in answer.stdout
    assert cluster.execute("select environment from guard.deployment", "shopdata") == [("demo",)]
    assert cluster.execute(
        "select rolcanlogin, rolreplication from pg_roles where rolname = 'theseller_backup'"
    ) == [(False, False)]
    if not before:
        again = cluster.run("shopdata", tmp_path / "state", admin=cluster.admin("shopdata"))
        assert again.returncode == 0, again.stderr
        assert "created" not in again.stdout


def test_a_database_that_holds_something_else_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.reset()
    cluster.execute("create database wiki")
    cluster.execute("create table pages (id int)", "wiki")
    answer = cluster.run("wiki", tmp_path / "state", admin=cluster.admin())
    assert answer.returncode == 1
    assert "contains data that is not TheSeller's. Nothing was changed." in answer.stderr
    assert cluster.execute("select from pg_roles where starts_with(rolname, 'theseller_')") == []


def test_an_administrator_that_is_no_superuser_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.reset()
    cluster.execute("drop role if exists cloud_admin")
    cluster.execute("create role cloud_admin login createdb createrole")
    answer = cluster.run(
        "shopdata", tmp_path / "state", admin=f"postgresql://cloud_admin@/?host={cluster.socket}"
    )
    assert answer.returncode == 1
    assert (
        "The role cloud_admin of THESELLER_ADMIN_URL is not a superuser. Nothing was changed."
        in answer.stderr
    )
    assert cluster.execute("select from pg_roles where starts_with(rolname, 'theseller_')") == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"THESELLER_ADMIN_URL": ""}, "migrating it needs its superuser"),
        (
            {"THESELLER_ADMIN_URL": "postgresql://postgres@db.example/"},
            "must say sslmode=verify-full",
        ),
        (
            {"THESELLER_ADMIN_URL": "postgresql://postgres@db.example/?sslmode=require"},
            "must say sslmode=verify-full",
        ),
        ({"THESELLER_ADMIN_URL": "postgresql://postgres@db.example:port/?x=y"}, "can't be read"),
        (
            {"THESELLER_ADMIN_URL": "postgresql://postgres@/?host=/nowhere"},
            "No database listens at /nowhere/.s.PGSQL.5432.",
        ),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    message: str,
) -> None:
    state = tmp_path / "state"
    for name, value in {
        "DATABASE_URL": "postgresql:///shopdata?host=/nowhere",
        "THESELLER_STATE": str(state),
        **variables,
    }.items():
        monkeypatch.setenv(name, value)
    assert main(["migrate"]) == 1
    assert message in capsys.readouterr().err
    assert not state.exists()
