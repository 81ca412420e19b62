"""Readiness notification to systemd, for units of `Type=notify`."""

from __future__ import annotations

import socket
from collections.abc import Mapping

_NOTIFY_SOCKET = "NOTIFY_SOCKET"


def notify_ready(environ: Mapping[str, str]) -> bool:
    """Report to systemd that this service is ready.

    Without systemd nothing is reported, and False is returned.

    Args:
        environ: the variables of this process.

    Raises:
        OSError: systemd's socket can't be used.

    Source: sd_notify(3).
    """
    address = environ.get(_NOTIFY_SOCKET, "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # the abstract namespace
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as client:
        client.sendto(b"READY=1", address)
    return True
