"""Restrict outbound connections to configured hosts by an audit hook.

It covers Python's own sockets, which HTTP and the key services' libraries use. Once set it stays;
only the list can be replaced. It does not cover what opens sockets without Python's `socket`
module: libpq, which connects to the configured address, other programs that this process starts,
and C code called through `ctypes` or an extension module.

Source of the event names: CPython, "Audit events table".
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """A host that may be called (``*.example.com``: all below it), and why.

    `source` marks Amazon, where the data comes from.
    """

    host: str
    why: str
    source: bool = False

    @property
    def local(self) -> bool:
        """Whether it is this machine."""
        return is_local(self.host)

    def covers(self, host: str) -> bool:
        """Say whether `host` is the rule's host, or matches its wildcard."""
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host


@dataclass(frozen=True, slots=True)
class Subprocessor:
    """A third party that the operator listed, with the hosts that are called."""

    name: str
    hosts: tuple[str, ...] = ()


class EgressRefusedError(OSError):
    """The host is not an allowed destination. Nothing was sent or resolved."""

    def __init__(self) -> None:
        super().__init__(
            "this process may not connect to that host: it is not an allowed destination"
        )


class _Thread(threading.local):
    """Whether this thread has resolved an allowed host.

    Only then may it connect to a non-local address.
    """

    may_call = False


class _EgressGuard:
    """State of the audit hook; one per process."""

    def __init__(self) -> None:
        self.destinations: tuple[Destination, ...] | None = None
        self.hooked = False
        self.thread = _Thread()

    def check_host(self, host: object) -> None:
        """Allow a name, or a literal address.

        Raises:
            EgressRefusedError: the host is not an allowed destination.
        """
        name = _name(host)
        if self.destinations is None or is_local(name):
            return
        if not any(one.covers(name) for one in self.destinations):
            raise EgressRefusedError
        self.thread.may_call = True

    def check_connection(self, address: object) -> None:
        """Allow a connection to an allowed name or an address resolved from one.

        Raises:
            EgressRefusedError: neither applies.
        """
        if self.destinations is None or not isinstance(address, tuple):
            return  # A Unix socket, or one that is already connected and was checked then.
        name = _name(address[0])
        if is_local(name) or (_is_address(name) and self.thread.may_call):
            return
        self.check_host(name)


_GUARD = _EgressGuard()
#: What is checked at each event, and which of its arguments. `gethostbyname_ex` and `connect_ex`
#: raise the events of the short names.
_CHECKS: Mapping[str, tuple[Callable[[object], None], int]] = {
    "socket.getaddrinfo": (_GUARD.check_host, 0),
    "socket.gethostbyname": (_GUARD.check_host, 0),
    "socket.gethostbyaddr": (_GUARD.check_host, 0),
    "socket.connect": (_GUARD.check_connection, 1),
    "socket.sendto": (_GUARD.check_connection, 1),
    "socket.sendmsg": (_GUARD.check_connection, 1),
    # A reverse lookup, which queries that address's name service.
    "socket.getnameinfo": (_GUARD.check_connection, 0),
}


def restrict_egress(destinations: Sequence[Destination] | None) -> None:
    """Allow this process to connect to `destinations` and to itself only.

    None allows all hosts, which is how tests start.
    """
    _GUARD.destinations = None if destinations is None else tuple(destinations)
    if not _GUARD.hooked:
        sys.addaudithook(_hook)
        _GUARD.hooked = True


def allowed_destinations() -> tuple[Destination, ...] | None:
    """Return the allowed destinations; None if not restricted."""
    return _GUARD.destinations


def is_local(host: str) -> bool:
    """Return whether `host` is this machine.

    True for loopback and link-local addresses (a cloud machine's metadata), `localhost`, Unix
    sockets and the empty name.
    """
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    if not _is_address(host):
        return False
    address = ipaddress.ip_address(host.partition("%")[0])
    return address.is_loopback or address.is_link_local or address.is_unspecified


def _hook(
    event: str,
    arguments: tuple[object, ...],
    # Bound here: the interpreter raises events when it has cleared the module's names already.
    checks: Mapping[str, tuple[Callable[[object], None], int]] = _CHECKS,
) -> None:
    if event in checks:
        check, argument = checks[event]
        check(arguments[argument])


def _name(host: object) -> str:
    text = (
        host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host or "")
    )
    return text.rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
