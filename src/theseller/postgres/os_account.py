"""The operating system user that the server runs as; never root."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from theseller.postgres.errors import ServerFailedError

DEDICATED = "theseller-db"
_PREFERRED = (DEDICATED, "postgres")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system. `switch` is False if we already are it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_options(self) -> SwitchOptions:
        """Return the `subprocess` options to become this user, without our groups."""
        if not self.switch:
            return SwitchOptions(umask=0o077)
        return SwitchOptions(user=self.uid, group=self.gid, extra_groups=[], umask=0o077)


class SwitchOptions(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that switch the account."""

    user: int
    group: int
    extra_groups: list[int]
    umask: int


def server_account(data: Path, say: Callable[[str], None]) -> Account:
    """Return the user for the server.

    This user, or as root an unprivileged one; existing data keeps its owner.

    Raises:
        ServerFailedError: the data belongs to a user that we can't become.
    """
    me = os.geteuid()
    owner = _owner(data)
    if me != 0:
        if owner is not None and owner != me:
            raise ServerFailedError(
                f"The database in {data} belongs to the user {_name(owner)}, not to {_name(me)}.",
                "Run as that user (as root if it was made by root), or choose another folder with"
                " THESELLER_STATE.",
            )
        return Account(_name(me), me, os.getegid(), switch=False)
    if owner:
        return _account(pwd.getpwuid(owner))
    for name in _PREFERRED:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    return _create(say)


def can_reach(account: Account, folder: Path) -> bool:
    """Return whether the account may enter `folder` and its parents.

    Checks owner, group and other permission bits only.
    """
    resolved = folder.resolve()
    return all(_may_pass(account, part) for part in (resolved, *resolved.parents) if part.exists())


def _may_pass(account: Account, folder: Path) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _owner(data: Path) -> int | None:
    try:
        return data.stat().st_uid
    except FileNotFoundError:
        return None
    except PermissionError:
        return _owner(data.parent) if data.parent != data else None


def _create(say: Callable[[str], None]) -> Account:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise ServerFailedError(
            "PostgreSQL refuses to run as root, and there is no unprivileged user for it.",
            f"Create a system user named {DEDICATED}, or run as an ordinary user.",
        )
    say(f"creating the system user {DEDICATED}: PostgreSQL refuses to run as root")
    command = [
        useradd,
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
        DEDICATED,
    ]
    # fixed program and arguments
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode != 0:
        raise ServerFailedError(
            f"useradd could not create {DEDICATED}: {answer.stderr.strip()}",
            "Create it by hand, or run as an ordinary user.",
        )
    return _account(pwd.getpwnam(DEDICATED))


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
