"""Where one state folder's server keeps its data and its socket.

Normally `<state>/postgres/data` and `<state>/run`. As root, when the server's unprivileged user can't pass through the folders
above, the data moves to `/var/lib/theseller-<hash>`: permissions of existing folders are never loosened. A socket path longer than
the kernel takes moves to a short one. The choice is written down once, in `<state>/postgres/where.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg.conninfo

from theseller.postgres.errors import ServerFailedError
from theseller.postgres.os_account import Account, can_reach

PORT = 5432
_SOCKET_NAME = f".s.PGSQL.{PORT}"
# sockaddr_un.sun_path less its final zero: unix(7) on Linux, unix(4) on macOS.
_LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
# A fresh cluster is 40 MB and wants room for its log of changes (WAL).
FALLBACK_ROOT = Path("/var/lib")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one server. `home` holds `data`; `run` holds the socket and is 0700."""

    home: Path
    run: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def archive(self) -> Path:
        """Return where the server puts finished WAL, for the backups to take it from."""
        return self.home / "archive"

    @property
    def programs(self) -> Path:
        return self.home / "programs"


def control_folder(state: Path) -> Path:
    """Return the folder with the lock, the pid file and where.json. Always inside the state folder."""
    return state / "postgres"


def saved_layout(state: Path) -> Layout | None:
    """Return the layout that an earlier start wrote down, None before the first."""
    try:
        saved = json.loads((control_folder(state) / "where.json").read_text())
        # Relative to the state folder where possible, so that the folder can be moved while the server is stopped.
        return Layout(state / saved["home"], state / saved["run"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        path = control_folder(state) / "where.json"
        raise ServerFailedError(
            f"{path} is damaged.", 'Write the server\'s folders back, normally {"home": "postgres", "run": "run"}.'
        ) from error


def socket_directory(state: Path) -> Path:
    """Return the folder of the embedded server's socket: what a client gives as `host`."""
    layout = saved_layout(state.absolute())
    return layout.run if layout else state.absolute() / "run"


def conninfo(state: Path, role: str, password: str, dbname: str = "theseller") -> str:
    """Return the connection string of a role to the embedded server of `state`. It holds the password: never log it."""
    return psycopg.conninfo.make_conninfo(
        host=str(socket_directory(state)), port=PORT, user=role, password=password, dbname=dbname, connect_timeout=10
    )


def prepare_layout(state: Path, account: Account, fallback_root: Path = FALLBACK_ROOT) -> Layout:
    """Make the folders of the server, with owners and modes, and write down where they are."""
    layout = saved_layout(state) or _choose_layout(state, account, fallback_root)
    own_folder(layout.run, account)
    if layout.home != control_folder(state):
        layout.home.mkdir(mode=0o711, exist_ok=True)
    where = control_folder(state) / "where.json"
    if not where.exists():
        fresh = where.with_suffix(".new")
        fresh.write_text(json.dumps({"home": _name_from(state, layout.home), "run": _name_from(state, layout.run)}, indent=1) + "\n")
        fresh.replace(where)
    return layout


def own_folder(folder: Path, account: Account) -> None:
    """Make `folder` 0700 and the account's own; refuse one that a third user made (a trap in a shared place like /tmp)."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {account.uid, os.geteuid()}:
            raise ServerFailedError(f"{folder} is not ours.", "Remove it, or choose another folder with THESELLER_STATE.") from None
    if os.geteuid() == 0:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    folder.chmod(0o700)


def _choose_layout(state: Path, account: Account, fallback_root: Path) -> Layout:
    name = f"theseller-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}"
    if can_reach(account, control_folder(state)):
        home, run = control_folder(state), state / "run"
    else:
        home = fallback_root / name
        run = home / "run"
        home.mkdir(mode=0o711, exist_ok=True)
    if not _fits(run):
        run = _short_folder(account) / name
    if not _fits(run):
        raise ServerFailedError(f"The socket's path {run} is too long.", "Choose a shorter folder with THESELLER_STATE.")
    return Layout(home, run)


def _name_from(state: Path, folder: Path) -> str:
    return str(folder.relative_to(state)) if folder.is_relative_to(state) else str(folder)


def _fits(run: Path) -> bool:
    return len(os.fsencode(run / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH


def _short_folder(account: Account) -> Path:
    """Return a folder with a short name: the user's runtime folder, root's /run, else the temporary one."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if own and not account.switch and Path(own).is_dir() and Path(own).stat().st_uid == account.uid:
        return Path(own)
    if account.switch and Path("/run").is_dir():
        return Path("/run")
    temporary = Path(tempfile.gettempdir())
    return temporary if len(str(temporary)) < 60 else Path("/tmp")  # noqa: S108  own_folder refuses a folder made by another
