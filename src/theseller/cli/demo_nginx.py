"""nginx in front of the demo, with the configuration of `deploy/edge`."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theseller.cli.demo_nginx_configuration import (
    PACKAGES,
    EdgeSettings,
    modsecurity_module,
    write_edge,
)
from theseller.cli.errors import CommandError
from theseller.cli.supervisor import Program
from theseller.cli.tcp_ports import answers
from theseller.crypto.demo_certificates import HOST, ensure_demo_certificates
from theseller.postgres.server import make_folder

_PREFIX = "theseller-edge-"
#: System accounts without rights. If root starts the demo, nginx runs as the first that exists.
_USERS = ("www-data", "nobody")


@dataclass(frozen=True, slots=True)
class EdgePorts:
    """TCP ports of nginx: for HTTPS and for HTTP."""

    tls: int
    plain: int

    @property
    def authority(self) -> str:
        """Return the name and port that browsers use."""
        return f"{HOST}:{self.tls}"


def find_nginx(environ: Mapping[str, str]) -> str:
    """Return the path of nginx with ModSecurity.

    Raises:
        CommandError: nginx, ModSecurity or its rules are not installed, with what to install.
    """
    path = os.pathsep.join((environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    nginx = environ.get("NGINX") or shutil.which("nginx", path=path)
    if not nginx:
        raise CommandError(
            "The edge needs nginx, and none was found.",
            f"Debian or Ubuntu: sudo apt-get install {PACKAGES}",
        )
    modsecurity_module(nginx)
    return nginx


class DemoEdge:
    """The edge of one demo.

    Its certificates are in the state folder. nginx's own files are in a temporary folder, since
    the user that it runs as may not pass through the folders above the state folder.
    """

    def __init__(self, state: Path, nginx: str, ports: EdgePorts, *, backend: int) -> None:
        self._kept, self._nginx = state / "edge", nginx
        self._ports, self._backend = ports, backend
        self._note = self._kept / "folder"

    @property
    def authority_file(self) -> Path:
        """Return the file of the certificate authority, for browsers and curl."""
        return self._kept / "ca.pem"

    def program(self, state: Path, environ: Mapping[str, str], *, at: datetime) -> Program:
        """Write the configuration and return the program that runs nginx."""
        make_folder(self._kept, 0o700)
        ensure_demo_certificates(self._kept, at=at)
        self.remove_files()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._note.write_text(str(folder))
        for name in ("fullchain.pem", "privkey.pem"):
            shutil.copy2(self._kept / name, folder / name)
        settings = EdgeSettings(
            folder, HOST, self._ports.authority, self._backend, self._ports.plain, self._ports.tls,
            # One process, which ends with the demo however that ends.
            main="master_process off;",
        )  # fmt: skip
        command = [*_as_unprivileged(), *write_edge(settings, nginx=self._nginx)]
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *_owner())
        return Program(
            "edge",
            command,
            state / "processes",
            state / "log" / "edge.log",
            environ,
            lambda: answers(self._ports.plain, "/healthz"),
        )

    def remove_files(self) -> None:
        """Remove nginx's files, also those of a demo that was killed."""
        try:
            folder = Path(self._note.read_text())
        except OSError:
            return
        # The state folder is ours alone; still, nothing but such a folder is removed.
        if folder.name.startswith(_PREFIX) and folder.parent == Path(tempfile.gettempdir()):
            shutil.rmtree(folder, ignore_errors=True)
        self._note.unlink(missing_ok=True)


def _as_unprivileged() -> list[str]:
    """Return what gives up root's rights before nginx starts."""
    if os.getuid() != 0:
        return []
    user, group = _owner()
    return [
        "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--pdeathsig=KILL",
        "--no-new-privs", "--",
    ]  # fmt: skip


def _owner() -> tuple[int, int]:
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    for name in _USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise CommandError("There is no user for nginx.", f"Create one of {', '.join(_USERS)}.")
