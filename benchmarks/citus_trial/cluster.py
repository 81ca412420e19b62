"""Servers of the trial: one plain PostgreSQL, one coordinator and two workers, on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from theseller.postgres.os_account import server_account

DATABASE = "theseller"
PLAIN, COORDINATOR, WORKERS = "plain", "coordinator", ("worker1", "worker2")
SERVERS = (PLAIN, COORDINATOR, *WORKERS)
_FIRST_PORT = 6500
_SETTINGS = {
    "fsync": "off",
    "wal_level": "logical",
    "max_connections": "200",
    "max_prepared_transactions": "200",
    "max_locks_per_transaction": "1024",
    "shared_buffers": "256MB",
    "autovacuum": "off",
    "jit": "off",
}
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the servers listen; they let anyone on the socket in (`trust`)."""

    folder: Path

    def port(self, server: str) -> int:
        """Return the port of a server."""
        return _FIRST_PORT + SERVERS.index(server)

    def dsn(self, server: str, role: str = "postgres", database: str = DATABASE) -> str:
        """Return the connection string of a role to a server."""
        return make_conninfo(
            host=str(self.folder), port=self.port(server), user=role, dbname=database
        )

    def connect(
        self, server: str, role: str = "postgres", *, autocommit: bool = False
    ) -> Connection:
        """Connect to a server."""
        return psycopg.connect(self.dsn(server, role), autocommit=autocommit)

    def everywhere(self, statement: str, servers: tuple[str, ...] = SERVERS) -> None:
        """Run statements as the superuser of each server, without Citus' propagation."""
        for server in servers:
            with self.connect(server, autocommit=True) as connection:
                if server != PLAIN:
                    connection.execute("set citus.enable_ddl_propagation = off")
                connection.execute(statement.encode())


@contextmanager
def running(bin_dir: Path, folder: Path) -> Iterator[Cluster]:
    """Run new servers in `folder` with the programs in `bin_dir`."""
    folder.mkdir(mode=0o755, parents=True)
    account = server_account(folder / "data", lambda _sentence: None)
    os.chown(folder, account.uid, account.gid)
    options: dict[str, Any] = {**account.popen_options(), "cwd": "/"}
    options["env"] = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
    }
    options["stdout"] = options["stderr"] = subprocess.DEVNULL
    cluster = Cluster(folder)
    started: list[subprocess.Popen[bytes]] = []
    try:
        for server in SERVERS:
            data = folder / server
            subprocess.run(
                [bin_dir / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync",
                    "-E", "UTF8", "--locale", "C.UTF-8"],
                check=True, **options,
            )  # fmt: skip
            settings = {
                **_SETTINGS,
                "port": str(cluster.port(server)),
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": str(folder),
            }
            if server != PLAIN:
                settings["shared_preload_libraries"] = "citus"
                settings["citus.node_conninfo"] = "sslmode=disable"
                settings["citus.max_adaptive_executor_pool_size"] = "1"
            flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            started.append(subprocess.Popen([bin_dir / "postgres", "-D", data, *flags], **options))
        for server in SERVERS:
            _wait(cluster, server)
        yield cluster
    finally:
        for process in started:
            process.send_signal(signal.SIGQUIT)
        for process in started:
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(cluster: Cluster, server: str) -> None:
    for _ in range(600):
        try:
            psycopg.connect(cluster.dsn(server, database="postgres")).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{server} did not start")
