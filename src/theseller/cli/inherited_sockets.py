"""Take over sockets that a service manager listens on.

This is systemd's socket activation. The manager holds the sockets open while the service restarts:
connections wait in the kernel's queue, and none is refused. Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from theseller.cli.errors import CommandError

#: The first socket that systemd passes.
FIRST = 3
_VARIABLES = frozenset({"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})


def inherited_sockets(environ: Mapping[str, str]) -> tuple[int, ...]:
    """Return the file descriptors of sockets passed to this process.

    Raises:
        CommandError: one of them is no listening TCP or Unix socket.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return ()
    found = tuple(range(FIRST, FIRST + int(environ.get("LISTEN_FDS") or 0)))
    for one in found:
        if not _listens(one):
            raise CommandError(
                f"File descriptor {one} of the service manager is no listening socket.",
                "Look at the socket unit: it needs ListenStream= and Accept=no.",
            )
        os.set_inheritable(one, True)  # noqa: FBT003  # os takes no keyword
    return found


def without_socket_activation(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what belongs to this process alone."""
    return {name: value for name, value in environ.items() if name not in _VARIABLES}


def listen_on(host: str, port: int) -> int:
    """Open a listening socket that the next program inherits."""
    listener = socket.create_server((host, port), reuse_port=False)
    listener.set_inheritable(True)
    return listener.detach()


def _listens(descriptor: int) -> bool:
    try:
        # The duplicate is closed, the original stays.
        with socket.socket(fileno=os.dup(descriptor)) as one:
            return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False
