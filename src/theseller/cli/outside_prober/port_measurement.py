"""Find out which TCP ports answer from here, and whether PostgreSQL does."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from theseller.cli.outside_prober.target_connection import Target
from theseller.controls.prober_reports.message_format import Plan, PortsAtHost, PortsSection

#: Tried at the public addresses besides the ports that the deployment lists: PostgreSQL's and
#: PgBouncer's usual ones.
USUAL_PORTS = (5432, 5433, 6432)
_WAIT = 4.0
_AT_ONCE = 16
#: PostgreSQL's SSLRequest: its length and number. A server answers S or N.
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_CLOSED, _OPEN, _POSTGRESQL = "closed", "open", "postgresql"


def measure_ports(target: Target, plan: Plan) -> PortsSection:
    """Try the planned ports at each public address.

    The database's own address as well, if the plan has one.

    The port for HTTPS is tried in the same way, as the positive control.
    """
    ports = sorted({*(plan.listening_ports or ()), *USUAL_PORTS, target.port})
    hosts = [(address, ports) for address in target.addresses()]
    hosts += [(one.host, [one.port]) for one in plan.databases]
    return PortsSection(hosts=[_at_host(host, some) for host, some in hosts])


def _at_host(host: str, ports: Iterable[int]) -> PortsAtHost:
    found: dict[str, list[int]] = {_CLOSED: [], _OPEN: [], _POSTGRESQL: []}
    tried = list(ports)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for port, result in zip(tried, pool.map(lambda one: _try(host, one), tried), strict=True):
            found[result].append(port)
    return PortsAtHost(
        host=host, closed=found[_CLOSED], open=found[_OPEN], postgresql=found[_POSTGRESQL]
    )


def _try(host: str, port: int) -> str:
    """Return what answers at a port."""
    try:
        connection = socket.create_connection((host, port), timeout=_WAIT)
    except OSError:  # refused, no answer, or no such name from here
        return _CLOSED
    with connection:
        try:
            connection.sendall(_SSL_REQUEST)
            answer = connection.recv(1)
        except OSError:
            return _OPEN
    return _POSTGRESQL if answer in {b"S", b"N", b"E"} else _OPEN
