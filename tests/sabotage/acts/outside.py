"""Section 4, seen from outside: what the prober reports of the public address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from tests.sabotage.outside import NAME, Outside, at_address, observing, register
from tests.sabotage.saboteurs import Act, Tools, blinds, breaks

from theseller.controls.catalogue import net_db_private
from theseller.controls.prober_reports import operations
from theseller.controls.prober_reports.message_format import (
    DatabaseAddress,
    EdgeSection,
    LimitSection,
    PortsAtHost,
    PortsSection,
    SentRequest,
    TlsSection,
)
from theseller.lib import clock

_VERSIONS = {
    "TLSv1": "refused",
    "TLSv1_1": "refused",
    "TLSv1_2": "accepted",
    "TLSv1_3": "accepted",
}


def _in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


_TLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("has the address accept TLS 1.0", {"versions": _VERSIONS | {"TLSv1": "accepted"}}),
    ("has the address accept TLS 1.1", {"versions": _VERSIONS | {"TLSv1_1": "accepted"}}),
    ("has the address accept outdated ciphers", {"old_ciphers": "accepted"}),
    (
        "shows a certificate of another name",
        {"certificate_error": "Hostname mismatch", "expires_at": ""},
    ),
    ("shows a certificate that ends in three days", {"expires_at": _in_days(3)}),
    (
        "serves a page over plain HTTP",
        {"redirect_status": 200, "redirect_location": ""},
    ),
    (
        "redirects plain HTTP to another host",
        {"redirect_location": "https://elsewhere.example/security/"},
    ),
    ("redirects plain HTTP for now only", {"redirect_status": 302}),
    ("sends no HSTS", {"hsts": ""}),
    ("sends HSTS for an hour", {"hsts": "max-age=3600; includeSubDomains; preload"}),
    ("sends HSTS without preload", {"hsts": "max-age=63072000; includeSubDomains"}),
)


def _reporting(change: Callable[[Outside], Outside]) -> Act:
    def act(tools: Tools) -> Iterator[None]:
        yield from observing(tools.superuser, change)

    return act


for _does, _changes in _TLS:
    breaks("net-tls", _does)(_reporting(at_address(**_changes)))


def _ports(**changes: list[int]) -> Callable[[Outside], Outside]:
    """Return what has ports of the address answer, and no longer be closed."""

    def change(outside: Outside) -> Outside:
        assert outside.ports is not None
        (host,) = outside.ports.hosts
        answer = {port for ports in changes.values() for port in ports}
        closed = [port for port in host.closed if port not in answer]
        values = {"open": host.open, "postgresql": [], "closed": closed} | changes
        return replace(outside, ports=PortsSection([PortsAtHost(host.host, **values)]))

    return change


def _statuses(attack: int = 403, legitimate: int = 200) -> Callable[[Outside], Outside]:
    """Return what has all attacks, or all legitimate requests, answered in another way."""

    def change(outside: Outside) -> Outside:
        assert outside.edge is not None
        requests = [
            SentRequest(one.number, one.attack, one.kind, attack if one.attack else legitimate)
            for one in outside.edge.requests
        ]
        return replace(outside, edge=EdgeSection(requests, outside.edge.other_ports))

    return change


def _arrived(*more: int, less: int = -1) -> Callable[[Outside], Outside]:
    return lambda outside: replace(outside, arrived=outside.arrived.union(more) - {less})


def _limits(*numbers: int) -> Callable[[Outside], Outside]:
    return lambda outside: replace(outside, limits=LimitSection(*numbers))


def _one_refused(outside: Outside) -> Outside:
    return replace(_statuses(legitimate=403)(outside), arrived=outside.arrived - {20})


breaks("net-db-private", "has PostgreSQL answer at its usual port")(
    _reporting(_ports(postgresql=[5432]))
)
breaks("net-edge", "lets an attack through to the service")(_reporting(_arrived(3)))
breaks("net-edge", "refuses a legitimate request")(_reporting(_one_refused))
breaks("net-edge", "has the service answer at a port without a firewall")(_reporting(_arrived(40)))
breaks("net-rate-limit", "answers one try too many at one account")(
    _reporting(_limits(14, 11, 3, 24, 15, 9, 5))
)
breaks("net-rate-limit", "answers one try too many of one network")(
    _reporting(_limits(14, 10, 4, 24, 21, 3, 5))
)


@breaks("net-db-private", "has the database's server listen on the network")
def _listening(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(net_db_private, "_LISTEN_ADDRESSES", "select '*'")
    yield


@breaks("net-db-private", "opens the port of an external database")
def _external(tools: Tools) -> Iterator[None]:
    def change(outside: Outside) -> Outside:
        assert outside.ports is not None
        database = PortsAtHost("db.example", closed=[], open=[5432], postgresql=[])
        return replace(outside, ports=PortsSection([*outside.ports.hosts, database]))

    tools.patch.setattr(
        net_db_private, "external_database", lambda: (DatabaseAddress("db.example", 5432),)
    )
    yield from observing(tools.superuser, change)


for _control, _does, _change in (
    (
        "net-db-private",
        "has no port answer, not even that for HTTPS",
        _ports(open=[], closed=[443]),
    ),
    ("net-db-private", "tries no port but that for HTTPS", _ports(closed=[])),
    ("net-db-private", "tries no ports", lambda outside: replace(outside, ports=None)),
    ("net-edge", "sends no requests", lambda outside: replace(outside, edge=None)),
    (
        "net-edge",
        "sends no request that reaches the service",
        lambda outside: replace(outside, arrived=frozenset()),
    ),
    ("net-edge", "answers attacks by a page of something in front", _statuses(attack=200)),
    ("net-edge", "loses a legitimate request", _arrived(less=25)),
    ("net-rate-limit", "tries no more often than is allowed", _limits(10, 10, 0, 5, 5, 0, 5)),
    ("net-rate-limit", "gets other answers than these two", _limits(14, 0, 0, 24, 0, 0, 5)),
    ("net-rate-limit", "has used its tries up before", _limits(14, 3, 11, 24, 0, 24, 5)),
    ("net-rate-limit", "does not try", lambda outside: replace(outside, limits=None)),
    (
        "net-rate-limit",
        "tried thirteen hours ago",
        lambda outside: replace(outside, age=timedelta(hours=13)),
    ),
):
    _also = ("net-tls", "net-db-private", "net-edge", "page-contact") if "thirteen" in _does else ()
    blinds(_control, _does, also=_also)(_reporting(_change))

#: The controls that read a run's own report, and the one that reads the newest try of limits.
_RECENT = ("net-db-private", "net-edge", "page-contact")
_ALL = (*_RECENT, "net-rate-limit")


def _without_tls_1_1(outside: Outside) -> Outside:
    assert outside.tls is not None
    return replace(outside, tls=TlsSection(["TLSv1", "old ciphers"], outside.tls.addresses))


_NOT_SEEN: dict[str, Callable[[Outside], Outside]] = {
    "has the prober's own server refuse TLS 1.1": _without_tls_1_1,
    "has the address answer nothing over TLS": at_address(
        versions=dict.fromkeys(_VERSIONS, "unreachable"), old_ciphers="unreachable", hsts=""
    ),
    "closes the port for plain HTTP": at_address(redirect_status=0, redirect_location=""),
    "measures no TLS": lambda outside: replace(outside, tls=None),
}
for _does, _change in _NOT_SEEN.items():
    blinds("net-tls", _does)(_reporting(_change))


@blinds("net-db-private", "runs where the machine can't list its ports")
def _no_list(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(operations, "listening_ports", lambda: None)
    yield from observing(tools.superuser, lambda outside: outside, repair=tools.patch.undo)


@blinds("net-tls", "has the prober's last report be 26 minutes old", also=_RECENT)
def _late(tools: Tools) -> Iterator[None]:
    yield from observing(
        tools.superuser, lambda outside: replace(outside, age=timedelta(minutes=26))
    )


@blinds("net-tls", "changes a byte of the stored report", also=_ALL)
def _changed(tools: Tools) -> Iterator[None]:
    def change() -> None:
        tools.superuser.execute(
            "update controls_prober_report set document = set_byte(document, 20,"
            " get_byte(document, 20) # 1)"
        )

    yield from observing(tools.superuser, lambda outside: replace(outside, afterwards=change))


@blinds("net-tls", "stores an old report again as that of a new run", also=_ALL)
def _again(tools: Tools) -> Iterator[None]:
    def replay() -> None:
        tools.superuser.execute("update controls_prober_run set challenge = sha256(challenge)")

    yield from observing(tools.superuser, lambda outside: replace(outside, afterwards=replay))


@blinds("net-tls", "replaces the prober's registered key", also=_ALL)
def _other_key(tools: Tools) -> Iterator[None]:
    def set_key(key: bytes) -> None:
        tools.superuser.execute(
            "update controls_prober set public_key = %s where name = %s", [key, NAME]
        )

    row = tools.superuser.execute(
        "select public_key from controls_prober where name = %s", [NAME]
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    key = row[0]
    yield from observing(
        tools.superuser,
        lambda outside: replace(outside, afterwards=lambda: set_key(sha256(key).digest())),
        repair=lambda: set_key(key),
    )


@blinds("net-tls", "runs the prober on the deployment's own machine", also=_ALL)
def _inside(tools: Tools) -> Iterator[None]:
    yield from observing(tools.superuser, lambda outside: replace(outside, client="127.0.0.1"))


@blinds("net-tls", "removes the prober", also=_ALL)
def _removed(tools: Tools) -> Iterator[None]:
    def remove() -> None:
        tools.superuser.execute("delete from controls_prober")

    yield from observing(
        tools.superuser, lambda outside: replace(outside, afterwards=remove), repair=register
    )
