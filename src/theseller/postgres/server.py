"""Supervise one `postgres` as a child process on a private socket.

Not by `pg_ctl`: it detaches the server, while our own child can be waited for, stops when we do,
and is never taken for a stale one. Not by the wheel's Python API: it makes directories
world-accessible (decision 0002).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from theseller.postgres import initdb_and_settings, server_start_failures
from theseller.postgres.binaries import Binaries
from theseller.postgres.errors import ServerFailedError, ServerInUseError
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.orphaned_server import clean_up_after_killed_run
from theseller.postgres.os_account import Account, can_reach, server_account
from theseller.postgres.os_processes import stop_with_parent, wait_until
from theseller.postgres.server_folders import (
    FALLBACK_ROOT,
    SERVER_LOG,
    Layout,
    conninfo,
    control_folder,
    own_folder,
    prepare_layout,
    saved_layout,
    socket_directory,
)
from theseller.postgres.swap_data_dir import settle_pending_swap
from theseller.postgres.temporary_server_removal import discard, upgrade_folder

# Crash recovery replays at most max_wal_size; a slow disk may need minutes. If the child ends, so
# does the wait.
_START_TIMEOUT = 600.0
_LOG_LIMIT = 10 * 1024 * 1024


class Server:
    """The embedded server of one state folder. Not thread-safe.

    Args:
        state: the state folder.
        binaries: PostgreSQL's programs.
        superuser_password: the cluster's.
        durable: False for throw-away databases of tests, which a crash may lose.
        archiving: whether finished WAL is archived for the backups.
        extra: settings that override all others, for a restored cluster.
        purpose: shown to others that find the server in use.
        fallback_root: where the data is stored if the server's user can't enter the state folder.
        say: called with one sentence for anything that a person should know.
    """

    # one for each way in which a server of ours differs from another
    def __init__(  # noqa: PLR0913
        self,
        state: Path,
        *,
        binaries: Binaries,
        superuser_password: str,
        durable: bool = True,
        archiving: bool = False,
        extra: Mapping[str, str] = MappingProxyType({}),
        purpose: str = "theseller",
        fallback_root: Path = FALLBACK_ROOT,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.state = state.absolute()
        self.binaries = binaries
        self.log = self.state / "log" / SERVER_LOG
        self._superuser_password = superuser_password
        self._durable = durable
        self._archiving = archiving
        self._extra = extra
        self._fallback_root = fallback_root
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = LockFile(control_folder(self.state) / "lock", purpose)

    @property
    def pid(self) -> int | None:
        """Return the process ID of the server; None when it is not running."""
        return self._child.pid if self._child else None

    @property
    def socket_dir(self) -> Path:
        """Return the folder of the server's socket."""
        return socket_directory(self.state)

    def dsn(self, role: str, password: str, dbname: str = "theseller") -> str:
        """Return a role's connection string.

        It contains the password: never log it.
        """
        return conninfo(self.state, role, password, dbname)

    def superuser_dsn(self, dbname: str = "postgres") -> str:
        """Return the connection string of the superuser."""
        return self.dsn(initdb_and_settings.SUPERUSER, self._superuser_password, dbname)

    def poll(self) -> int | None:
        """Return the server's exit status, None while it runs; 0 before a start."""
        return self._child.poll() if self._child else 0

    def ensure_started(self) -> None:
        """Return when the server accepts connections; start it if necessary.

        Raises:
            ServerInUseError: another running process supervises it.
            ServerFailedError: it can't be started; the message has the cause.
        """
        if self._child is not None and self._child.poll() is None:
            return
        self._child = None
        make_folder(self.state)
        make_folder(control_folder(self.state))
        if not self._lock.acquire():
            raise ServerInUseError(*self._used_by())
        try:
            self._start()
        except BaseException:
            self._lock.release()
            raise

    def stop(self, *, patience: float = 30.0, keep_lock: bool = False) -> None:
        """Stop the server and wait: first fast, after `patience` seconds at once.

        Data is safe either way. With `keep_lock` no other process can start it until the next call.
        """
        child, self._child = self._child, None
        if child is not None:
            for number, seconds in (
                (signal.SIGINT, patience),
                (signal.SIGQUIT, 10.0),
                (signal.SIGKILL, None),
            ):
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(seconds)
                    break
        if not keep_lock:
            self._lock.release()

    def request_stop(self) -> None:
        """Request a fast shutdown and return; `poll()` tells when it ended."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGINT)

    def stop_immediately(self) -> None:
        """Request an immediate shutdown; the next start recovers."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGQUIT)

    def run_on_stopped_data(self, program: str, *arguments: str) -> None:
        """Run a program on the data folder of the stopped server.

        Raises:
            ServerFailedError: it failed; the message has its last line.
        """
        layout = saved_layout(self.state)
        if layout is None or self.pid is not None:
            raise ServerFailedError(f"{program} needs a stopped server.")
        account = server_account(layout.data, self._say)
        programs = self._reachable_programs(layout, account)
        answer = subprocess.run(  # noqa: S603
            [str(programs.program(program)), *arguments, str(layout.data)],
            capture_output=True, text=True, cwd="/", check=False,
            env=initdb_and_settings.environment(), **account.popen_options(),
        )  # fmt: skip
        if answer.returncode != 0:
            raise server_start_failures.startup_failure(f"could not run {program}", answer.stderr)

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        """Use a server that another process supervises, or start it for the block."""
        try:
            self.ensure_started()
        except ServerInUseError:
            layout = saved_layout(self.state)
            if layout is None or not wait_until(
                lambda: _is_ready(layout.data, None), 30.0, step=0.1
            ):
                raise
            yield self
            return
        try:
            yield self
        finally:
            self.stop()

    def supervisor(self) -> tuple[int, str] | None:
        """Return pid and purpose of the supervising process; None if none."""
        holder = self._lock.holder()
        return (holder[0].pid, holder[1]) if holder else None

    def _used_by(self) -> tuple[str, str]:
        holder = self.supervisor()
        who = f"process {holder[0]} ({holder[1]})" if holder else "another process"
        return (
            f"The database in {self.state} is already run by {who}.",
            "Use that one, or stop it first.",
        )

    def _start(self) -> None:
        settle_pending_swap(self.state)
        # A killed upgrade leaves a copy of the data; one that runs has our lock.
        discard(upgrade_folder(self.state))
        known = saved_layout(self.state)
        account = server_account(
            (known.data if known else control_folder(self.state) / "data"), self._say
        )
        layout = prepare_layout(self.state, account, self._fallback_root)
        binaries = self._reachable_programs(layout, account)
        if not (layout.data / "PG_VERSION").exists():
            initdb_and_settings.initialize(layout, binaries, account, self._superuser_password)
        initdb_and_settings.check_version(layout, binaries)
        clean_up_after_killed_run(layout.data, layout.run, self._say)
        written = self._spawn(layout, binaries, account)
        self._await_ready(layout, written)

    def _spawn(self, layout: Layout, binaries: Binaries, account: Account) -> int:
        """Start the child; return the log's length before it."""
        make_folder(self.log.parent, 0o700)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        chosen = {**initdb_and_settings.settings(layout, durable=self._durable), **self._extra}
        if self._archiving:
            own_folder(layout.archive, account)
            chosen |= initdb_and_settings.archiving(layout)
        command = [str(binaries.program("postgres")), "-D", str(layout.data)]
        for name, value in chosen.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self.log.chmod(0o600)
            self._child = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=initdb_and_settings.environment(),
                start_new_session=True,
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGINT),  # noqa: PLW1509
                **account.popen_options(),
            )
            return log.tell()

    def _await_ready(self, layout: Layout, written: int) -> None:
        child = self._child
        if child is None:
            raise ServerFailedError("PostgreSQL was not started.")
        begun, notified = time.monotonic(), False
        while not _is_ready(layout.data, child.pid):
            if child.poll() is not None:
                self._child = None
                raise server_start_failures.startup_failure(
                    "did not start", server_start_failures.tail(self.log, written), self.log
                )
            waited = time.monotonic() - begun
            if waited > 5.0 and not notified:
                notified = True
                self._say("PostgreSQL is recovering from a crash; this can take a while")
            if waited > _START_TIMEOUT:
                self.stop()
                raise ServerFailedError("PostgreSQL does not become ready.", f"Its log: {self.log}")
            time.sleep(0.02)

    def _reachable_programs(self, layout: Layout, account: Account) -> Binaries:
        """Return programs that the server's user can reach; copy them if needed."""
        if can_reach(account, self.binaries.bin_dir):
            return self.binaries
        if not self.binaries.trees:
            raise ServerFailedError(
                f"The user {account.name} can't reach PostgreSQL's programs in"
                f" {self.binaries.bin_dir}.",
                "Set THESELLER_PG_BIN to a folder that every user may enter, or remove that"
                " setting.",
            )
        home = self._programs_home(layout, account)
        copy = home / f"{self.binaries.origin}-{self.binaries.version}"
        root = self.binaries.trees[0].parent
        if not copy.exists():
            self._say(
                f"copying PostgreSQL's programs to {copy}: the user {account.name} can't reach"
                f" {self.binaries.bin_dir}"
            )
            fresh = home / f"{copy.name}.{os.getpid()}.new"
            for tree in self.binaries.trees:
                shutil.copytree(
                    tree,
                    fresh / tree.name,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("__pycache__", "include"),
                )
            fresh.chmod(0o755)
            fresh.rename(copy)
        return Binaries(
            copy / self.binaries.bin_dir.relative_to(root),
            self.binaries.version,
            self.binaries.origin,
        )

    def _programs_home(self, layout: Layout, account: Account) -> Path:
        layout.programs.mkdir(mode=0o755, exist_ok=True)
        if not can_reach(account, layout.programs):
            raise ServerFailedError(
                f"The user {account.name} can't reach {layout.programs}.",
                "Choose another folder with THESELLER_STATE.",
            )
        return layout.programs


def make_folder(folder: Path, mode: int | None = None) -> None:
    """Create a folder if it is missing.

    As root it can be entered, not listed, so that the server's user reaches its data.
    """
    try:
        folder.mkdir(
            mode=mode if mode is not None else (0o711 if os.geteuid() == 0 else 0o700),
            parents=True,
            exist_ok=True,
        )
    except OSError as error:
        raise ServerFailedError(
            f"{folder} can't be made ({error.strerror}).",
            "Choose another folder with THESELLER_STATE.",
        ) from error


def _is_ready(data: Path, pid: int | None) -> bool:
    """Return whether line 8 of the pid file says that the server is ready.

    `pg_ctl` waits for the same. Needs no password.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and (pid is None or lines[0] == str(pid))
