"""A PostgreSQL server of someone else, with nothing of ours in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from tests import preloaded
from tests.demo_deployment import inherited_environ

from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_account import server_account
from theseller.postgres.os_processes import stop_with_parent, wait_until

_PATIENCE = 60.0
#: The administrator of a managed service, in a cluster that has one.
ADMINISTRATOR = "cloud_admin"
_PASSWORD = "password-of-each-administrator"


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL that someone else owns, as a distribution sets one up.

    Superuser `postgres`, a Unix socket, no database of ours.
    """

    socket: Path

    def admin(self, database: str = "", role: str = "postgres") -> str:
        return f"postgresql://{role}:{_PASSWORD}@/{database}?host={self.socket}"

    def environ(self, database: str, state: Path, *, admin: str) -> dict[str, str]:
        return inherited_environ() | {
            "THESELLER_STATE": str(state),
            "DATABASE_URL": f"postgresql:///{database}?host={self.socket}",
            "THESELLER_ADMIN_URL": admin,
        }

    def run(self, database: str, state: Path, *, admin: str) -> subprocess.CompletedProcess[str]:
        return preloaded.run(
            ["-m", "theseller.cli.main", "migrate"],
            environ=self.environ(database, state, admin=admin),
        )

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
        for name in ("administrator_of_theseller", ADMINISTRATOR):
            self.execute(f'drop role if exists "{name}"')

    def with_password(self, role: str) -> str:
        """Give a role the password of every administrator; return its address."""
        statement = sql.SQL("alter role {} password {}").format(
            sql.Identifier(role), sql.Literal(_PASSWORD)
        )
        self.execute(statement.as_string(None))
        return self.admin(role=role)

    def make_administrator(self, attributes: str = "createdb createrole") -> str:
        """Make the role that a managed service gives its customer; return its address."""
        self.execute(f"drop role if exists {ADMINISTRATOR}")
        self.execute(f"create role {ADMINISTRATOR} login {attributes}")
        return self.with_password(ADMINISTRATOR)


@contextmanager
def external_cluster(method: str = "trust") -> Iterator[Cluster]:
    """Run a server that accepts sign-ins by `method` (initdb's --auth)."""
    root = Path(tempfile.mkdtemp(prefix="ts-external-"))
    root.chmod(0o755)
    binaries = find_binaries(os.environ)
    account = server_account(root / "data", lambda _sentence: None)
    for folder in (root / "data", root / "run"):
        folder.mkdir(mode=0o755)
        os.chown(folder, account.uid, account.gid)
    options = account.popen_options()
    bin_dir = binaries.bin_dir
    password = root / "password"
    password.write_text(_PASSWORD)
    initialise: list[str | Path] = [
        bin_dir / "initdb", "-D", root / "data", "-U", "postgres", "-A", method,
        f"--pwfile={password}", "--no-sync",
    ]  # fmt: skip
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, cwd="/", **options)
    server = subprocess.Popen(
        [bin_dir / "postgres", "-D", root / "data", "-k", root / "run", "-c", "listen_addresses=",
            "-c", "fsync=off", "-c", "max_connections=40"],
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
