"""The steps of `theseller setup` after the configuration file is written.

Each runs as the account of the services and does nothing if it was done before.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theseller.cli.errors import CommandError
from theseller.config.config_file import CONFIG_FILE, FILE_MODE
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.server_folders import control_folder

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the operating system that the services run as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> Account:
        """Return an account; without root only one's own.

        Raises:
            CommandError: there is no such account, or only root may act as it.
        """
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            raise CommandError(
                f"There is no account {name!r} on this machine.",
                f"Create it: adduser --system --group --home /var/lib/theseller {name}",
            ) from None
        if os.geteuid() not in {0, found.pw_uid}:
            raise CommandError(f"Only root can set it up for the account {name!r}.")
        return cls(found.pw_name, found.pw_uid, found.pw_gid)


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs commands of TheSeller as `account`, with the file's settings."""

    account: Account
    config: Path
    state: Path
    embedded: bool

    def write_file(self, text: str) -> bool:
        """Write the configuration file; return False if it has this text already."""
        with contextlib.suppress(FileNotFoundError):
            if self.config.read_text(encoding="utf-8") == text:
                return False
        self.config.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = self.config.with_name(f".{self.config.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0:
            os.chown(fresh, 0, self.account.gid)
        fresh.chmod(FILE_MODE)
        fresh.replace(self.config)
        return True

    def make_folder(self, folder: Path, mode: int = 0o700) -> None:
        """Make a folder of the account, if it is missing."""
        if folder.exists():
            return
        folder.mkdir(parents=True)
        folder.chmod(mode)
        if os.geteuid() == 0:
            os.chown(folder, self.account.uid, self.account.gid)

    def make_state_folder(self) -> None:
        """Make the state folder.

        If the services run as root, the database runs as an unprivileged user, which must reach its
        data.
        """
        self.make_folder(self.state, 0o700 if self.account.uid else 0o711)

    def run(self, *arguments: str, given: str = "") -> str:
        """Run `theseller ARGUMENTS` and return what it printed.

        Raises:
            CommandError: it failed; it has said why.
        """
        done = self._finished(arguments, given, stderr=None)
        if done.returncode:
            print(done.stdout, end="", file=sys.stderr)
            raise CommandError(
                f"`theseller {' '.join(arguments[:2])}` failed (above).",
                "Mend that, then run `theseller setup` again: it goes on from there.",
            )
        return str(done.stdout)

    def problem(self, *arguments: str) -> str:
        """Run `theseller ARGUMENTS`, and return why it failed; "" if it did not."""
        done = self._finished(arguments, "", stderr=subprocess.PIPE)
        if not done.returncode:
            return ""
        lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
        return lines[0] if lines else f"it ended with status {done.returncode}"

    def _finished(
        self, arguments: Sequence[str], given: str, *, stderr: int | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # our own program, with arguments of this module  # noqa: S603
            [*_PROGRAM, *arguments],
            input=given,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
            env=self._environ(),
            **self._identity(),
        )

    @contextlib.contextmanager
    def database(self) -> Iterator[None]:
        """Run the embedded database for the block, if it does not run yet."""
        if not self.embedded or self._answers():
            yield
            return
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*_PROGRAM, "postgres", "start"],
            stdout=subprocess.DEVNULL,
            env=self._environ(),
            start_new_session=True,
            **self._identity(),
        )
        try:
            until = time.monotonic() + _PATIENCE_SECONDS
            while not self._answers():
                if process.poll() is not None or time.monotonic() > until:
                    raise CommandError("The embedded database did not start (above).")
                time.sleep(0.3)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def has_operator(self) -> bool:
        """Return whether someone is an operator."""
        return bool(json.loads(self.run("operator", "list", "--json")))

    def add_operator(self, email: str, name: str) -> str:
        """Make the first operator, and return the password of the first sign-in."""
        password = secrets.token_urlsafe(18)
        self.run("operator", "add", email, "--name", name, given=f"{password}\n")
        return password

    def _answers(self) -> bool:
        """Return whether a process runs the embedded server, by its lock."""
        return LockFile(control_folder(self.state) / "lock", "").holder() is not None

    def _environ(self) -> Mapping[str, str]:
        """Return the caller's environment, with the file for the settings."""
        kept = {"THESELLER_ADMIN_URL"}
        return {
            name: value
            for name, value in os.environ.items()
            if name in kept or not name.startswith(("THESELLER_", "DATABASE_URL"))
        } | {CONFIG_FILE: str(self.config), "HOME": str(self.state)}

    def _identity(self) -> dict[str, Any]:
        if os.geteuid() == self.account.uid:
            return {}
        groups = [one.gr_gid for one in grp.getgrall() if self.account.name in one.gr_mem]
        return {
            "user": self.account.uid,
            "group": self.account.gid,
            "extra_groups": groups,
            "cwd": "/",
        }


_PROGRAM = (sys.executable, "-m", "theseller.cli.main")
