"""Layout, accounts, locks, processes, settings and diagnoses: what needs no server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg.conninfo
import pytest

from theseller.postgres import initdb_and_settings, server_folders
from theseller.postgres.binaries import Binaries
from theseller.postgres.errors import ServerFailedError
from theseller.postgres.exclusive_lock_file import LockFile, pid_namespace
from theseller.postgres.os_account import Account, can_reach
from theseller.postgres.os_processes import ProcessMark, command_line, process_mark, wait_until
from theseller.postgres.role_setup import LOGIN_ROLES, ensure_roles
from theseller.postgres.server_folders import (
    Layout,
    conninfo,
    control_folder,
    own_folder,
    prepare_layout,
    saved_layout,
    socket_directory,
)
from theseller.postgres.server_start_failures import startup_failure, tail

ME = Account("me", os.geteuid(), os.getegid(), switch=False)
OTHER_USER = Account("other", 54321, 54321, switch=True)


def state_in(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    control_folder(state).mkdir(parents=True)
    return state


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path is short enough for a socket in it (107 bytes)."""
    with TemporaryDirectory(prefix="ts-", dir="/tmp") as folder:
        yield Path(folder)


def test_default_layout_is_in_the_state_folder_and_moves_with_it(short_path: Path) -> None:
    state = state_in(short_path)
    assert saved_layout(state) is None
    assert prepare_layout(state, ME) == Layout(state / "postgres", state / "run")
    moved = short_path / "moved"
    state.rename(moved)
    assert socket_directory(moved) == moved / "run"


def test_inaccessible_state_folder_puts_the_cluster_in_another_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as another user")
    state, elsewhere = state_in(tmp_path), tmp_path / "var"
    elsewhere.mkdir()
    tmp_path.chmod(0o700)
    found = prepare_layout(state, OTHER_USER, elsewhere)
    assert found.home.parent == elsewhere
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert prepare_layout(state, OTHER_USER, tmp_path / "another") == found


def test_a_folder_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "run"
    trap.symlink_to(tmp_path)
    with pytest.raises(ServerFailedError, match="not ours"):
        own_folder(trap, ME)


def test_own_folder_sets_mode_700(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    own_folder(folder, ME)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_damaged_layout_file_raises_server_failed_error(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    (control_folder(state) / "where.json").write_text("{")
    with pytest.raises(ServerFailedError, match="damaged"):
        saved_layout(state)


def test_a_long_path_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_folders, "_short_folder", lambda _account: tmp_path)
    monkeypatch.setattr(server_folders, "_LONGEST_SOCKET_PATH", len(str(tmp_path)) + 60)
    state = state_in(tmp_path / ("x" * 80))
    assert prepare_layout(state, ME).run.parent == tmp_path
    monkeypatch.setattr(server_folders, "_LONGEST_SOCKET_PATH", 10)
    with pytest.raises(ServerFailedError, match="too long"):
        prepare_layout(state_in(tmp_path / "y"), ME)


def test_conninfo_quotes_what_a_password_may_hold(tmp_path: Path) -> None:
    hard = "it's a \\ pass word"
    parsed = psycopg.conninfo.conninfo_to_dict(conninfo(tmp_path, "theseller_web", hard))
    assert (parsed["password"], parsed["user"], parsed["dbname"]) == (
        hard,
        "theseller_web",
        "theseller",
    )


def test_can_reach_checks_every_parent_folder(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert can_reach(ME, inner)
    (tmp_path / "a").chmod(0o700)
    assert not can_reach(OTHER_USER, inner)


def test_lock_file_has_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = LockFile(tmp_path / "lock", "first"), LockFile(tmp_path / "lock", "second")
    assert second.holder() is None
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    holder = second.holder()
    assert holder is not None
    assert (holder[0].pid, holder[1]) == (os.getpid(), "first")
    first.release()
    assert second.acquire()
    second.release()


def test_lock_of_another_container_has_a_holder_that_is_no_process_here(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "lock", "theseller postgres start")
    assert lock.acquire()
    text = (tmp_path / "lock").read_text()
    assert text == f"{os.getpid()} theseller postgres start\n{pid_namespace()}\n"
    (tmp_path / "lock").write_text(text.replace(pid_namespace(), "pid:[1]"))
    holder = lock.holder()
    assert holder is not None
    assert (holder[0].pid, holder[1]) == (
        os.getpid(), "theseller postgres start, in another container",
    )  # fmt: skip
    # This process has the same number, and must not be signaled in its place.
    assert not holder[0].alive()
    (tmp_path / "lock").write_text(f"{os.getpid()} an earlier version\n")
    holder = lock.holder()
    assert holder is not None
    assert holder[0].alive()
    lock.release()


def test_saved_process_mark_is_alive_until_its_process_ends(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    saved = process_mark(child.pid)
    assert saved is not None
    saved.save(tmp_path / "mark")
    assert ProcessMark.load(tmp_path / "mark") == saved
    assert wait_until(lambda: "input()" in command_line(child.pid), 60.0)
    child.kill()
    # A zombie, not waited for yet, counts as ended.
    assert wait_until(lambda: not saved.alive(), 60.0)
    child.communicate()
    assert process_mark(child.pid) is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"pid": "x", "started": 1}'])
def test_damaged_process_mark_is_loaded_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "mark").write_text(content)
    assert ProcessMark.load(tmp_path / "mark") is None


@pytest.mark.parametrize("memory", [256 * 2**20, 2 * 2**30, 64 * 2**30])
def test_postgresql_settings_depend_on_memory_and_log_no_values(
    tmp_path: Path, memory: int
) -> None:
    chosen = initdb_and_settings.settings(
        Layout(tmp_path, tmp_path / "run"), durable=True, memory=memory
    )
    assert 64 <= int(chosen["shared_buffers"].removesuffix("MB")) <= 512
    assert chosen["listen_addresses"] == ""
    assert chosen["log_min_messages"] == "log"
    assert chosen["log_error_verbosity"] == "terse"
    assert "fsync" not in chosen


def test_initialize_without_enough_disk_space_fails_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initdb_and_settings, "SPACE_NEEDED", 2**62)
    binaries = Binaries(tmp_path, "18.6", "wheel")
    with pytest.raises(ServerFailedError, match=r"MB left; PostgreSQL needs"):
        initdb_and_settings.initialize(Layout(tmp_path, tmp_path / "run"), binaries, ME, "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device',
            "the disk is full",
        ),
        (
            "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
            "not enough shared memory",
        ),
        ("FATAL:  database files are incompatible with server", "another version"),
        (
            "2026-01-01 UTC [1] LOG:  starting\n2026-01-01 UTC [1] FATAL:  something new",
            "something new",
        ),
        ("", "did not say why"),
    ],
)
def test_startup_failure_names_the_cause_found_in_the_log(text: str, cause: str) -> None:
    assert cause in startup_failure("did not start", text).message


def test_tail_reads_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old FATAL\nnew FATAL\n")
    assert tail(log, 10) == "new FATAL\n"
    assert tail(tmp_path / "none", 0) == ""


def test_every_role_needs_its_password() -> None:
    with pytest.raises(ValueError, match="probe"):
        ensure_roles("", {short: "x" for short in LOGIN_ROLES if short != "probe"})
