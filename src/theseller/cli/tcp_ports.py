"""TCP ports of this machine: whether one is free, and who uses it."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import subprocess
import sys
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.postgres.os_processes import command_line

LOOPBACK = "127.0.0.1"
_LISTENING = "0A"  # state column of /proc/net/tcp


def is_free(port: int) -> bool:
    """Return whether a server of ours could listen on the port now.

    Raises:
        CommandError: the port needs root.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise CommandError(
                    f"Port {port} needs root.", "Choose one above 1023 with THESELLER_PORT."
                ) from error
            return False
    return True


def choose_port(
    wanted: int, *, fixed: bool, variable: str, taken: frozenset[int] = frozenset()
) -> tuple[int, str]:
    """Return a free port, and a message if it is not the wanted one.

    Args:
        wanted: the port to use if it is free.
        fixed: whether the user named the port, so that no other may be used.
        variable: the environment variable that names it, for messages.
        taken: ports that another program of ours will use.

    Raises:
        CommandError: it is `fixed` and not free, with the program that uses it; or none is free.
    """
    if wanted not in taken and is_free(wanted):
        return wanted, ""
    holder = owner(wanted) or "another program"
    if fixed:
        raise CommandError(
            f"Port {wanted} is in use by {holder}.",
            f"Stop it, or choose another port: {variable}={wanted + 10}",
        )
    for port in range(wanted + 1, wanted + 100):
        if port not in taken and is_free(port):
            return (
                port,
                f"port {wanted} is in use by {holder}; using {port} (choose with {variable})",
            )
    raise CommandError(
        f"No free port between {wanted} and {wanted + 99}.", f"Choose one with {variable}."
    )


def parse_port(text: str, variable: str) -> int:
    """Return the port that `text` names.

    Raises:
        CommandError: it is no number from 1 to 65535.
    """
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise CommandError(
            f"{variable} must be a port between 1 and 65535.", f"For example {variable}=8200"
        )
    return int(text)


def owner(port: int) -> str | None:
    """Return who listens on the port, such as 'process 123 (nginx)'.

    None if nothing does, or if this user may not know.
    """
    pid = _owner_linux(port) if sys.platform == "linux" else _owner_lsof(port)
    if pid is None:
        return None
    # The program's name only: arguments can hold passwords.
    words = command_line(pid)
    return f"process {pid} ({Path(words[0]).name})" if words else f"process {pid}"


def answers(port: int, path: str, *, timeout: float = 2.0) -> bool:
    """Return whether an HTTP server answers the path.

    It must be on this machine and answer with a status below 500.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status < 500
    return False


def _owner_linux(port: int) -> int | None:
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if any(str(handle.readlink()) in inodes for handle in (process / "fd").iterdir()):
                    return int(process.name)
    return None


def _owner_lsof(port: int) -> int | None:
    with contextlib.suppress(OSError):
        command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-t"]
        # a number is the only variable
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        first = answer.stdout.split()
        return int(first[0]) if first else None
    return None
