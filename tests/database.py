"""One temporary PostgreSQL for a whole pytest session, shared by all its xdist workers.

It is removed when pytest ends, even by kill -9.

The server belongs to a guardian process that watches pytest. Pytest can't watch itself: when it is
killed, nothing of it runs. Everything is below `session-…` in FOLDER; a session whose pytest has
ended is removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from theseller.postgres.binaries import find_binaries
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.os_processes import ProcessMark, process_mark, stop_processes, wait_until
from theseller.postgres.role_setup import (
    DATABASE,
    LOGIN_ROLES,
    close_database,
    ensure_database,
    ensure_roles,
    set_password,
)
from theseller.postgres.server import Server
from theseller.postgres.server_folders import conninfo

ROOT = Path(__file__).resolve().parent.parent
#: Where sessions and servers of tests have their folders: in memory if bin/test made a folder
#: there.
FOLDER = Path(os.environ.get("TESTS_FOLDER") or ROOT / ".test")
SUPERUSER_PASSWORD = "test-superuser"
#: Who prepares the databases of tests: the superuser or, if this variable is set, a role that may
#: make roles and databases and nothing else, as on a managed service (bin/test-platforms managed).
WITHOUT_SUPERUSER = "TESTS_WITHOUT_SUPERUSER"
_ADMINISTRATOR, _ADMINISTRATOR_PASSWORD = "cloud_admin", "test-administrator"
# Known passwords: the socket is 0700 in a folder of this user, and the data lives as long as the
# session.
PASSWORDS = {short: f"test-{short}" for short in LOGIN_ROLES}
_START_PATIENCE = 180.0
_TRANSACTIONS_PATIENCE = 120.0
_CONNECTION_PATIENCE = 120.0


@cache
def test_server() -> Server:
    """Return the session's server with roles applied; the first call in any worker starts it.

    Only its dsn methods are of use here.
    """
    state = session_folder()
    with locked(state):
        guardian = ProcessMark.load(state / "guardian.json")
        if guardian is None or not guardian.alive():
            _start_guardian(state)
    return _server(state)


test_server.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


def superuser() -> psycopg.Connection[tuple[object, ...]]:
    """Return an autocommit connection that may do everything.

    It prepares databases; what is under test never uses it.
    """
    return psycopg.connect(test_server().superuser_dsn(), autocommit=True)


def administrator_dsn(database: str = "postgres") -> str:
    """Return the connection string by which databases of tests are migrated."""
    return _administrator_dsn(test_server(), database)


def _administrator_dsn(server: Server, database: str = "postgres") -> str:
    if not os.environ.get(WITHOUT_SUPERUSER):
        return server.superuser_dsn(database)
    return conninfo(server.state, _ADMINISTRATOR, _ADMINISTRATOR_PASSWORD, database)


def _make_administrator(server: Server) -> None:
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        statement = sql.SQL("create role {} login createrole createdb password {}").format(
            sql.Identifier(_ADMINISTRATOR), sql.Literal(_ADMINISTRATOR_PASSWORD)
        )
        connection.execute(statement)


def wait_for_open_transactions() -> None:
    """Wait until every transaction that has begun on this server has ended.

    Sealing and reviews leave out what is newer than the oldest open transaction, which may be one
    of another test in another database.
    """
    with superuser() as connection:
        row = connection.execute(
            "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        ).fetchone()
        assert row is not None
        ended = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %s"
        assert wait_until(
            lambda: connection.execute(ended, row).fetchone() == (True,),
            _TRANSACTIONS_PATIENCE,
            step=0.02,
        )


def role_dsn(short: str, database: str = DATABASE) -> str:
    """Return the connection string of `web`, `worker`, `migrate`, `retention`, `probe` or `backup`."""
    test_server()
    return conninfo(session_folder(), LOGIN_ROLES[short], PASSWORDS[short], database)


def connect_as(
    short: str, database: str = DATABASE, *, autocommit: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as a role of few connections, which tests of all parallel workers share.

    `migrate` has four. Waits until one is free.
    """
    opened: list[psycopg.Connection[tuple[Any, ...]]] = []

    def connects() -> bool:
        try:
            opened.append(psycopg.connect(role_dsn(short, database), autocommit=autocommit))
        except psycopg.OperationalError as error:
            assert "too many connections for role" in str(error), error
        return bool(opened)

    assert wait_until(connects, _CONNECTION_PATIENCE, step=0.2)
    return opened[0]


def worker_name() -> str:
    """Return this xdist worker's name: gw0, gw1, …; `main` without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def prepared_template(name: str, prepare: Callable[[str], None]) -> str:
    """Return the name of a template database that `prepare(database)` fills once a session.

    For example with migrations.

    `prepare` must leave no connection open: PostgreSQL copies only a database without connections.
    """
    template = f"template_{name}"
    with locked(session_folder(), f"template-{name}.lock"), superuser() as connection:
        done = session_folder() / f"template-{name}.done"
        if not done.exists():
            drop_database(template)
            create_database(template, template=DATABASE)
            prepare(template)
            connection.execute(
                sql.SQL("alter database {} with allow_connections false").format(
                    sql.Identifier(template)
                )
            )
            done.touch()
    return template


def worker_database(template: str = DATABASE) -> str:
    """Return this worker's own fresh copy of a template, replacing the one of an earlier call."""
    name = f"{template.removeprefix('template_')}_{worker_name()}"
    drop_database(name)
    create_database(name, template=template)
    return name


def create_database(name: str, *, template: str = DATABASE) -> None:
    """Create a database that the same roles may enter as `template`.

    A copy does not bring its database's own grants along.
    """
    # Two workers must not copy one template at the same time: each would be "being accessed by
    # other users" to the other.
    with locked(session_folder(), "create.lock"), superuser() as connection:
        # Files are copied: the usual way writes each page of the template to the log of changes,
        # which takes four times as long.
        copy = sql.SQL("create database {} template {} strategy file_copy")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        ensure_database(connection, name)
        close_database(administrator_dsn(), name)


def drop_database(name: str) -> None:
    with superuser() as connection:
        connection.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
        )


#: One entry for each block of this process that is inside `roles_lock`.
_LOCK_DEPTH: list[bool] = []


@contextlib.contextmanager
def roles_lock() -> Iterator[None]:
    """Exclude other xdist workers while one changes or reads the roles of the cluster.

    Reentrant.
    """
    with contextlib.ExitStack() as stack:
        if not _LOCK_DEPTH:
            stack.enter_context(locked(session_folder(), "roles.lock"))
        _LOCK_DEPTH.append(True)
        stack.callback(_LOCK_DEPTH.pop)
        yield


@cache
def session_folder() -> Path:
    """Return this session's folder, one for all xdist workers of a run.

    Folders of sessions that ended are removed.
    """
    root = FOLDER
    root.mkdir(exist_ok=True)
    folder = root / f"session-{_watched()}"
    with locked(root, "sessions.lock"):
        for other in root.glob("session-*"):
            _remove_if_ended(other)
        owner = process_mark(_watched())
        if not folder.exists() and owner:
            # The database's unprivileged user must be able to pass through.
            folder.mkdir(mode=0o711)
            owner.save(folder / "owner.json")
    return folder


def _watched() -> int:
    """Return the pid of the pytest that was started by hand: with xdist, the parent of every worker."""
    return os.getppid() if os.environ.get("PYTEST_XDIST_WORKER") else os.getpid()


def _remove_if_ended(folder: Path) -> None:
    owner = ProcessMark.load(folder / "owner.json")
    if (owner is None or not owner.alive()) and _server(folder).supervisor() is None:
        shutil.rmtree(folder, ignore_errors=True)


def stop_test_server() -> None:
    """Stop the session's server now and wait for its end.

    The guardian does the same anyway once pytest has ended.
    """
    guardian = ProcessMark.load(session_folder() / "guardian.json")
    if guardian and guardian.alive():
        stop_processes([guardian], signals=((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)))
    test_server.cache_clear()


def _server(state: Path) -> Server:
    binaries = find_binaries(os.environ)
    return Server(
        state,
        binaries=binaries,
        superuser_password=SUPERUSER_PASSWORD,
        durable=False,
        extra=quick_passwords(binaries.major),
        purpose="tests",
    )


def quick_passwords(major: int) -> dict[str, str]:
    """Return settings by which a sign-in computes one hash, not 4096: three ms of each connection.

    Servers before PostgreSQL 16 have no such setting.
    """
    return {"scram_iterations": "1"} if major >= 16 else {}


def set_quick_password(server: Server, password: str) -> None:
    """Set the superuser's password again: initdb does not know `quick_passwords`."""
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        set_password(connection, SUPERUSER, password)


def _start_guardian(state: Path) -> None:
    with (state / "guardian.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.database", str(state), str(_watched())],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    ready = state / "ready"
    if (
        not wait_until(lambda: ready.exists() or process.poll() is not None, _START_PATIENCE)
        or not ready.exists()
    ):
        status = process.poll()
        outcome = (
            f"did not start within {_START_PATIENCE:.0f} s: is the machine busy? (load"
            f" {os.getloadavg()[0]:.0f}, {os.cpu_count()} processors)"
            if status is None
            else f"ended with status {status}"
        )
        raise RuntimeError(f"the test database {outcome}\n{(state / 'guardian.log').read_text()}")
    # Reaped by init: this process may end before the guardian does, and must not warn about it.
    process.returncode = 0


def _guard(state: Path, watched: int) -> None:
    """Run the server until the watched process ends or a signal arrives; then leave nothing."""
    me, pytest = process_mark(os.getpid()), process_mark(watched)
    if me is None or pytest is None:
        return
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    server = _server(state)
    try:
        server.ensure_started()
        set_quick_password(server, SUPERUSER_PASSWORD)
        if os.environ.get(WITHOUT_SUPERUSER):
            _make_administrator(server)
        ensure_roles(_administrator_dsn(server), PASSWORDS)
        me.save(state / "guardian.json")
        (state / "ready").touch()
        while pytest.alive() and not stopping:
            time.sleep(0.1)
    finally:
        server.stop_immediately()
        server.stop()
        shutil.rmtree(state, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, name: str = "session.lock") -> Iterator[None]:
    """Hold a lock of the session's for the length of the block: over all workers, one at a time."""
    with (folder / name).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    _guard(Path(sys.argv[1]), int(sys.argv[2]))
