"""The embedded server as it really runs: made, stopped, killed in every way.

As root and as an ordinary user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
from tests.database import FOLDER
from tests.integration.postgres.children import PASSWORD, server

from theseller.postgres.binaries import find_binaries
from theseller.postgres.errors import ServerFailedError, ServerInUseError
from theseller.postgres.os_processes import (
    command_line,
    process_mark,
    processes_in,
    start_time,
    wait_until,
)
from theseller.postgres.server import Server

ROOT = Path(__file__).resolve().parents[3]
CHILD = Path(__file__).with_name("children.py")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")


@pytest.fixture
def state() -> Iterator[Path]:
    """Give a state folder that every user may pass through, as a checkout is.

    pytest's own tmp_path is 0700.
    """
    folder = FOLDER / f"pg-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def started(state: Path) -> Iterator[Server]:
    one = server(state)
    one.ensure_started()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """Give a server to the tests that leave it as it was."""
    folder = FOLDER / f"pg-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, mode=0o755)
    one = server(folder)
    one.ensure_started()
    yield one
    one.stop()
    shutil.rmtree(folder, ignore_errors=True)


@cache
def unprivileged() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@cache
def public_python() -> str | None:
    """Return a Python of our version that every user can run, with its packages ours.

    Root's own may be below a closed folder.
    """
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if (
            Path(candidate).exists()
            and run_as(candidate, unprivileged(), ["-c", "import psycopg"]).returncode == 0
        ):
            return candidate
    return None


def run_as(
    python: str, user: pwd.struct_passwd, arguments: list[str]
) -> subprocess.CompletedProcess[str]:
    packages = Path(psycopg.__file__).parent.parent
    environ = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{packages}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        return subprocess.run(
            [python, *arguments], user=user.pw_uid, group=user.pw_gid, extra_groups=[], env=environ,
            cwd="/", capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    except PermissionError as error:
        return subprocess.CompletedProcess([python], 126, "", str(error))


def count(one: Server) -> int:
    with psycopg.connect(one.superuser_dsn()) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
    return int(row[0]) if row else -1


def test_new_server_is_private_and_requires_passwords(shared: Server) -> None:
    with psycopg.connect(shared.superuser_dsn(), autocommit=True) as connection:

        def setting(name: str) -> str:
            row = connection.execute("select current_setting(%s)", [name]).fetchone()
            return str(row[0]) if row else ""

        assert setting("listen_addresses") == ""
        assert setting("data_checksums") == "on"
        assert setting("fsync") == "on"
        assert setting("password_encryption") == "scram-sha-256"
        assert setting("server_encoding") == "UTF8"
        methods = connection.execute(
            "select distinct auth_method from pg_hba_file_rules"
        ).fetchall()
        assert methods == [("scram-sha-256",)]
    assert stat.S_IMODE(shared.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(shared.log.stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(shared.dsn("theseller_super", "wrong", "postgres"))


def test_values_of_failing_statements_stay_out_of_the_log(started: Server) -> None:
    planted = f"canary-{secrets.token_hex(8)}"
    with psycopg.connect(started.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create table keyed (id text primary key)")
        connection.execute("insert into keyed values (%s)", [planted])
        for statement in (
            "insert into keyed values (%s)",
            "select %s::uuid",
            "select * from missing where name = %s",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, [planted])
        with pytest.raises(psycopg.Error):
            connection.execute(f"select '{planted}'::integer")
        connection.execute(
            "select pg_log_backend_memory_contexts(pg_backend_pid())"
        )  # the log does take something
    started.stop()
    written = started.log.read_text()
    assert "database system is shut down" in written
    assert planted not in written


def test_ensure_started_twice_keeps_the_same_server_process(shared: Server) -> None:
    pid = shared.pid
    shared.ensure_started()
    assert shared.pid == pid


def test_a_second_supervisor_is_refused_but_may_use_the_server(shared: Server) -> None:
    other = server(shared.state)
    with pytest.raises(ServerInUseError, match=f"process {os.getpid()}"):
        other.ensure_started()
    with other.running() as used, psycopg.connect(used.superuser_dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert shared.poll() is None


def test_stop_ends_the_server_process_and_removes_the_socket(started: Server) -> None:
    pid = started.pid
    assert pid is not None
    started.stop()
    assert start_time(pid) is None
    assert not (started.state / "run" / ".s.PGSQL.5432").exists()
    started.stop()


def test_acknowledged_commits_survive_kill_9(started: Server) -> None:
    """Kill the server and all its children in the middle of commits.

    Each acknowledged row must be there, at most one more.
    """
    acknowledged = 0
    pid = started.pid
    assert pid is not None
    with psycopg.connect(started.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create table kept (id int)")
        with pytest.raises(psycopg.OperationalError):
            while True:
                connection.execute("insert into kept values (1)")
                acknowledged += 1
                if acknowledged == 200:
                    os.killpg(pid, signal.SIGKILL)
    assert wait_until(lambda: started.poll() is not None, 60.0)
    started.ensure_started()
    assert started.pid != pid
    assert count(started) in {acknowledged, acknowledged + 1}


@needs_linux
def test_server_process_ends_when_its_supervisor_is_killed(state: Path) -> None:
    command = [sys.executable, str(CHILD), "start_and_sleep", str(state)]
    child = subprocess.Popen(command, cwd=ROOT, env=child_environ(), stdout=subprocess.PIPE)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    child.kill()
    child.wait()
    child.stdout.close()
    assert wait_until(lambda: start_time(pid) is None, 60.0)


def test_server_of_a_killed_supervisor_is_stopped_and_replaced(state: Path) -> None:
    """Find the server of a killed supervisor by its pid file at the next start.

    As where the kernel can't tell the server that its supervisor ended (macOS).
    """
    first = server(state)
    first.ensure_started()
    with psycopg.connect(first.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create table kept (id int)")
        connection.execute("insert into kept values (1)")
    orphan = first._child
    assert orphan is not None
    first._child = None
    first._lock.release()
    said: list[str] = []
    second = Server(
        state, binaries=find_binaries(os.environ), superuser_password=PASSWORD, say=said.append
    )
    second.ensure_started()
    try:
        assert any(str(orphan.pid) in sentence for sentence in said)
        assert orphan.wait(60) == 0
        assert count(second) == 1
    finally:
        second.stop()


def test_stale_pid_file_with_the_pid_of_another_process_is_ignored(state: Path) -> None:
    one = server(state)
    one.ensure_started()
    one.stop()
    lines = [
        str(os.getpid()),
        str(state / "postgres" / "data"),
        "1",
        "5432",
        str(state / "run"),
        "",
        "0 0",
        "ready",
    ]
    (state / "postgres" / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    (state / "run" / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    one.ensure_started()
    assert one.poll() is None
    one.stop()


def test_an_incomplete_cluster_is_created_again(state: Path) -> None:
    half = state / "postgres" / "data.new"
    half.mkdir(parents=True)
    half.parent.chmod(0o711)
    (half / "PG_VERSION").write_text("18\n")
    one = server(state)
    one.ensure_started()
    one.stop()
    assert not half.exists()


def test_data_of_another_version_is_refused_with_advice(state: Path) -> None:
    data = state / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    if os.geteuid() == 0:
        os.chown(data, unprivileged().pw_uid, unprivileged().pw_gid)
    with pytest.raises(ServerFailedError, match=r"made by PostgreSQL 9") as caught:
        server(state).ensure_started()
    assert "THESELLER_PG_BIN" in caught.value.advice


def test_damaged_cluster_raises_server_failed_error(started: Server) -> None:
    started.stop()
    (started.state / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(ServerFailedError, match="did not start"):
        started.ensure_started()
    assert started.supervisor() is None


def test_long_state_folder_path_uses_a_short_socket_path(state: Path) -> None:
    deep = state / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    one = server(deep)
    one.ensure_started()
    try:
        assert len(str(one.socket_dir)) < 90
        with psycopg.connect(one.superuser_dsn()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        one.stop()
        shutil.rmtree(one.socket_dir)


@needs_root
def test_as_root_the_server_runs_as_another_user_and_others_cannot_connect(shared: Server) -> None:
    assert shared.pid is not None
    owner = Path(f"/proc/{shared.pid}").stat().st_uid
    assert owner != 0
    python = public_python()
    if python is None:
        pytest.skip("no Python of this version that an unprivileged user can run")
    answer = run_as(python, unprivileged(), [str(CHILD), "connect", str(shared.socket_dir)])
    assert answer.stdout.strip() == "PermissionError", answer.stderr
    # The same probe does connect where it may: root passes.
    command = [sys.executable, str(CHILD), "connect", str(shared.socket_dir)]
    mine = subprocess.run(
        command, cwd=ROOT, env=child_environ(), capture_output=True, text=True, check=True
    )
    assert mine.stdout.strip() == "connected"


@needs_root
def test_as_root_below_a_closed_folder_the_data_moves_and_nothing_is_opened(state: Path) -> None:
    closed, fallback_root = state / "closed", state / "elsewhere"
    closed.mkdir(mode=0o700)
    fallback_root.mkdir(mode=0o755)
    one = server(closed / "state", fallback_root=fallback_root)
    one.ensure_started()
    try:
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert one.socket_dir.is_relative_to(fallback_root)
        with psycopg.connect(one.superuser_dsn()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        one.stop()


@needs_root
def test_as_root_unreachable_programs_are_copied(state: Path) -> None:
    found = find_binaries(os.environ)
    if not found.trees:
        pytest.skip("this PostgreSQL is not a self-contained tree")
    closed = state / "closed"
    closed.mkdir(mode=0o700)
    for tree in found.trees:
        shutil.copytree(tree, closed / tree.name, symlinks=True)
    moved = type(found)(
        closed / found.bin_dir.relative_to(found.trees[0].parent),
        found.version,
        found.origin,
        tuple(closed / one.name for one in found.trees),
    )
    said: list[str] = []
    one = Server(
        state / "state", binaries=moved, superuser_password=PASSWORD, durable=False, say=said.append
    )
    one.ensure_started()
    try:
        assert one.pid is not None
        assert command_line(one.pid)[0].startswith(str(state / "state"))
        assert any("copying" in sentence for sentence in said)
    finally:
        one.stop()


@needs_root
def test_server_started_by_an_unprivileged_user_owns_its_data(state: Path) -> None:
    python = public_python()
    if python is None:
        pytest.skip("no Python of this version that an unprivileged user can run")
    user = unprivileged()
    os.chown(state, user.pw_uid, user.pw_gid)
    answer = run_as(python, user, [str(CHILD), "round_trip", str(state / "mine")])
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == str(state / "mine" / "run")
    assert (state / "mine" / "postgres" / "data").stat().st_uid == user.pw_uid
    assert processes_in(state / "mine" / "postgres" / "data") == []


def test_process_mark_with_another_start_time_is_not_alive() -> None:
    mine = process_mark(os.getpid())
    assert mine is not None
    assert mine.alive()
    assert not type(mine)(mine.pid, "another start").alive()


def child_environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
