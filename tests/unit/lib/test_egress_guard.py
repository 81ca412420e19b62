"""A confined process reaches the listed hosts and itself; nothing else is looked up or called."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from theseller.lib.egress_guard import (
    Destination,
    EgressRefusedError,
    allowed_destinations,
    is_local,
    restrict_egress,
)

ALLOWED = (Destination("api.example.invalid", "a test"), Destination("*.files.invalid", "a test"))


@pytest.fixture
def border() -> Iterator[None]:
    before = allowed_destinations()
    restrict_egress(ALLOWED)
    yield
    restrict_egress(before)


def _looked_up(host: str | bytes) -> None:
    with pytest.raises(socket.gaierror):  # permitted, but the host does not exist
        socket.getaddrinfo(host, 443)


def test_a_listed_host_is_looked_up(border: None) -> None:
    for host in (
        "api.example.invalid",
        "API.example.invalid.",
        b"api.example.invalid",
        "a.b.files.invalid",
    ):
        _looked_up(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.invalid",
        "x.api.example.invalid",
        "files.invalid",
        "xfiles.invalid",
        "api.example.invalid.evil.invalid",
        "192.0.2.1",
    ],
)
def test_an_unlisted_host_is_not_looked_up(border: None, host: str) -> None:
    with pytest.raises(EgressRefusedError):
        socket.getaddrinfo(host, 443)
    with pytest.raises(EgressRefusedError):
        socket.gethostbyname(host)
    with pytest.raises(EgressRefusedError):
        socket.create_connection((host, 443), timeout=1)


def test_an_address_is_called_only_where_a_name_was_looked_up(border: None) -> None:
    def raw(kind: int, found: list[type[BaseException]]) -> None:
        with socket.socket(socket.AF_INET, kind) as one:
            one.settimeout(0.01)
            try:
                one.connect(("192.0.2.1", 9))
            except OSError as error:
                found.append(type(error))

    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        found: list[type[BaseException]] = []
        alone = threading.Thread(target=raw, args=(kind, found))
        alone.start()
        alone.join()
        assert found == [EgressRefusedError]


def test_egress_to_loopback_is_never_refused(border: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
        socket.create_connection(("127.0.0.1", server.getsockname()[1]), timeout=5).close()
    one, other = socket.socketpair()
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("host", "local"),
    [("", True), ("localhost", True), ("127.8.9.1", True), ("::1", True), ("169.254.169.254", True),
        ("fe80::1%eth0", True),
     ("::", True), ("/run/postgresql", True), ("10.0.0.1", False), ("8.8.8.8", False),
     ("localhost.example.invalid", False)],
)  # fmt: skip
def test_is_local_accepts_only_addresses_of_this_machine(host: str, local: bool) -> None:  # noqa: FBT001
    assert is_local(host) is local


def test_egress_without_an_allow_list_is_unrestricted(border: None) -> None:
    restrict_egress(None)
    _looked_up("elsewhere.invalid")


def _ways_out() -> dict[str, Callable[[], object]]:
    """Return each function of `socket` by which a process can reach or ask about a host.

    Aimed at a host that no one owns (RFC 5737).
    """

    def datagram(send: Callable[[socket.socket], object]) -> Callable[[], object]:
        def out() -> object:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                return send(one)

        return out

    host, there = "192.0.2.1", ("192.0.2.1", 9)
    return {
        "getaddrinfo": lambda: socket.getaddrinfo(host, 9),
        "gethostbyname": lambda: socket.gethostbyname(host),
        "gethostbyname_ex": lambda: socket.gethostbyname_ex(host),
        "gethostbyaddr": lambda: socket.gethostbyaddr(host),
        "getnameinfo": lambda: socket.getnameinfo(there, 0),
        "getfqdn": lambda: socket.gethostbyaddr("elsewhere.invalid"),
        "create_connection": lambda: socket.create_connection(there, timeout=0.01),
        "connect": datagram(lambda one: one.connect(there)),
        "connect_ex": datagram(lambda one: one.connect_ex(there)),
        "sendto": datagram(lambda one: one.sendto(b"x", there)),
        "sendto with flags": datagram(lambda one: one.sendto(b"x", 0, there)),
        "sendmsg": datagram(lambda one: one.sendmsg([b"x"], [], 0, there)),
    }


@pytest.mark.parametrize("way", sorted(_ways_out()))
def test_every_outgoing_socket_call_is_refused(border: None, way: str) -> None:
    """In a thread of its own: one that looked up a name that may be called may call an address."""
    found: list[BaseException | None] = []

    def alone() -> None:
        try:
            _ways_out()[way]()
        # whatever it is, the assertion says what it must be
        except BaseException as error:  # noqa: BLE001
            found.append(error)

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join()
    assert [type(error) for error in found] == [EgressRefusedError]


def test_a_message_on_a_connected_socket_is_not_checked_again(border: None) -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendmsg([b"x"])
        assert other.recv(1) == b"x"
