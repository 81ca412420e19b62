"""Choose and store the server's folders: data and socket.

Normally `<state>/postgres/data` and `<state>/run`. As root, if the server's unprivileged user can't
enter the folders above, the data is in `/var/lib/theseller-<hash>`: permissions of existing folders
are never widened. A socket path that is too long for the kernel moves to a short folder. The choice
is stored once, in `<state>/postgres/where.json`.
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
#: The embedded server's log in `log/` of the state folder.
SERVER_LOG = "postgres.log"
_SOCKET_NAME = f".s.PGSQL.{PORT}"
# sockaddr_un.sun_path less its final zero: unix(7) on Linux, unix(4) on macOS.
_LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
# Used by root if the server's user can't enter the state folder.
FALLBACK_ROOT = Path("/var/lib")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one server.

    `home` contains `data`; `run` contains the socket and has mode 0700.
    """

    home: Path
    run: Path

    @property
    def data(self) -> Path:
        """Return PostgreSQL's data directory."""
        return self.home / "data"

    @property
    def archive(self) -> Path:
        """The folder of finished WAL, from which the backups take it."""
        return self.home / "archive"

    @property
    def programs(self) -> Path:
        """Return the folder of unpacked PostgreSQL programs."""
        return self.home / "programs"


def control_folder(state: Path) -> Path:
    """Return the folder of lock, pid file and where.json, in the state folder."""
    return state / "postgres"


def saved_layout(state: Path) -> Layout | None:
    """Return the stored layout; None before the first start."""
    try:
        saved = json.loads((control_folder(state) / "where.json").read_text())
        # Relative to the state folder where possible, so that the folder can be moved while the
        # server is stopped.
        return Layout(state / saved["home"], state / saved["run"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        path = control_folder(state) / "where.json"
        raise ServerFailedError(
            f"{path} is damaged.",
            'Write the server\'s folders back, normally {"home": "postgres", "run": "run"}.',
        ) from error


def socket_directory(state: Path) -> Path:
    """Return the folder of the server's socket, a client's `host`."""
    layout = saved_layout(state.absolute())
    return layout.run if layout else state.absolute() / "run"


def conninfo(state: Path, role: str, password: str, dbname: str = "theseller") -> str:
    """Return a role's connection string to the embedded server of `state`.

    It contains the password: never log it.
    """
    return psycopg.conninfo.make_conninfo(
        host=str(socket_directory(state)),
        port=PORT,
        user=role,
        password=password,
        dbname=dbname,
        connect_timeout=10,
    )


def prepare_layout(state: Path, account: Account, fallback_root: Path = FALLBACK_ROOT) -> Layout:
    """Create the server's folders with owners and modes; store the choice."""
    layout = saved_layout(state) or _choose_layout(state, account, fallback_root)
    own_folder(layout.run, account)
    if layout.home != control_folder(state):
        layout.home.mkdir(mode=0o711, exist_ok=True)
    where = control_folder(state) / "where.json"
    if not where.exists():
        fresh = where.with_suffix(".new")
        fresh.write_text(
            json.dumps(
                {"home": _name_from(state, layout.home), "run": _name_from(state, layout.run)},
                indent=1,
            )
            + "\n"
        )
        fresh.replace(where)
    return layout


def own_folder(folder: Path, account: Account) -> None:
    """Create `folder` with mode 0700, owned by the account.

    Raises:
        ServerFailedError: another user created it (possible in a shared folder like /tmp).
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {account.uid, os.geteuid()}:
            raise ServerFailedError(
                f"{folder} is not ours.",
                "Remove it, or choose another folder with THESELLER_STATE.",
            ) from None
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
        raise ServerFailedError(
            f"The socket's path {run} is too long.", "Choose a shorter folder with THESELLER_STATE."
        )
    return Layout(home, run)


def _name_from(state: Path, folder: Path) -> str:
    return str(folder.relative_to(state)) if folder.is_relative_to(state) else str(folder)


def _fits(run: Path) -> bool:
    return len(os.fsencode(run / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH


def _short_folder(account: Account) -> Path:
    """Return a folder with a short path.

    The user's runtime folder, root's /run, else the temporary one.
    """
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if own and not account.switch and Path(own).is_dir() and Path(own).stat().st_uid == account.uid:
        return Path(own)
    if account.switch and Path("/run").is_dir():
        return Path("/run")
    temporary = Path(tempfile.gettempdir())
    # own_folder refuses a folder made by another
    return temporary if len(str(temporary)) < 60 else Path("/tmp")  # noqa: S108


def made_by(data: Path) -> str:
    """Return which major version made a data folder; "" if unknown."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return ""
