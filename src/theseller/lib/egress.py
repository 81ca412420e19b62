"""Where this process may speak to: a list of hosts, and a hook of the interpreter that refuses to look up or to call any other.

It binds Python's own sockets, which HTTP and the key services' libraries use; once set it stays, and can only be told another list.
It does not bind what opens sockets without Python's `socket` module: libpq, which connects to the one
address that the configuration names, other programs that this process starts, and C code called
through `ctypes` or an extension module. Source of the event names: CPython, "Audit events table".
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """A host that may be called (``*.example.com`` for all below it), and for what. `source`: it is Amazon, where the data comes from."""

    host: str
    why: str
    source: bool = False

    @property
    def local(self) -> bool:
        """Whether it is this machine itself."""
        return is_local(self.host)

    def covers(self, host: str) -> bool:
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host


@dataclass(frozen=True, slots=True)
class Subprocessor:
    """A third party that a deployment's operator has listed, and the hosts of its that the service calls, if any."""

    name: str
    hosts: tuple[str, ...] = ()


class EgressRefusedError(OSError):
    """This process may not speak to that host. Nothing was sent, and no name was looked up."""

    def __init__(self) -> None:
        super().__init__("this process may not speak to that host: it is none of its destinations")


class _Thread(threading.local):
    """Whether this thread has looked up a host that it may call: only then may it open a connection to an address abroad."""

    may_call = False


class _EgressGuard:
    """What the hook asks. There is one for a process."""

    def __init__(self) -> None:
        self.destinations: tuple[Destination, ...] | None = None
        self.hooked = False
        self.thread = _Thread()

    def check_host(self, host: object) -> None:
        """Let a name pass, or an address that stands for itself. Raises EgressRefusedError."""
        name = _name(host)
        if self.destinations is None or is_local(name):
            return
        if not any(one.covers(name) for one in self.destinations):
            raise EgressRefusedError
        self.thread.may_call = True

    def check_connection(self, address: object) -> None:
        """Let a connection pass: to a name that may be called, or to an address after such a name was looked up. Raises EgressRefusedError."""
        if self.destinations is None or not isinstance(address, tuple):
            return  # A socket of this machine's file system, or one that is connected already and was asked about then.
        name = _name(address[0])
        if is_local(name) or (_is_address(name) and self.thread.may_call):
            return
        self.check_host(name)


_GUARD = _EgressGuard()
#: Events by the argument that names the host; `gethostbyname_ex` and `connect_ex` raise the events of their shorter names.
_NAME_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_ADDRESS_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
#: Looks the name of an address up, in the name service of that address.
_REVERSE_LOOKUP_EVENT = "socket.getnameinfo"


def restrict_egress(destinations: Sequence[Destination] | None) -> None:
    """From now on let this process speak to `destinations` and to its own machine only. None lets it speak to all: tests begin so."""
    _GUARD.destinations = None if destinations is None else tuple(destinations)
    if not _GUARD.hooked:
        sys.addaudithook(_hook)
        _GUARD.hooked = True


def allowed_destinations() -> tuple[Destination, ...] | None:
    """Return where this process may speak to; None if it isn't confined."""
    return _GUARD.destinations


def is_local(host: str) -> bool:
    """Say whether `host` is this machine: a loopback address, the link's own (a cloud machine's view of itself), a name of it, or none."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    if not _is_address(host):
        return False
    address = ipaddress.ip_address(host.partition("%")[0])
    return address.is_loopback or address.is_link_local or address.is_unspecified


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event in _NAME_EVENTS:
        _GUARD.check_host(arguments[0])
    elif event in _ADDRESS_EVENTS:
        _GUARD.check_connection(arguments[1])
    elif event == _REVERSE_LOOKUP_EVENT:
        _GUARD.check_connection(arguments[0])


def _name(host: object) -> str:
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host or "")
    return text.rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
