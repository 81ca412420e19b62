"""Send a sample of attacks and of legitimate requests, each with a mark.

The application records the marks that reach it, so that the deployment knows which requests the
edge has refused. None of the attacks works against TheSeller. A page is also requested at every
other open port.
"""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Iterable, Sequence

from theseller.cli.outside_prober.attack_request_samples import Request, reliable_attacks
from theseller.cli.outside_prober.legitimate_request_samples import legitimate_requests
from theseller.cli.outside_prober.target_connection import Target
from theseller.controls.prober_reports.message_format import (
    MARK_HEADER,
    EdgeSection,
    OpenPort,
    Plan,
    PortsSection,
    SentRequest,
)

SAMPLE = 20
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def measure_edge(target: Target, plan: Plan, ports: PortsSection) -> EdgeSection:
    """Return what the samples were answered, and which other ports answered."""
    address = target.addresses()[0]
    attacks = _drawn(list(reliable_attacks()))
    legitimate = _drawn(list(legitimate_requests()))
    sent = [*((True, one) for one in attacks), *((False, one) for one in legitimate)]
    secrets.SystemRandom().shuffle(sent)
    requests = [
        SentRequest(
            number=number,
            attack=attack,
            kind=one.name.partition(":")[0][:60],
            status=_send(target, address, one, f"{plan.token}.{number}"),
        )
        for number, (attack, one) in enumerate(sent)
    ]
    return EdgeSection(
        requests=requests,
        other_ports=list(_other_ports(target, plan, ports, first=len(requests))),
    )


def _drawn(requests: Sequence[Request]) -> list[Request]:
    return secrets.SystemRandom().sample(requests, SAMPLE)


def _send(target: Target, address: str, request: Request, mark: str) -> int:
    """Send one request and return its status.

    It is 0 if the connection ended without an answer.
    """
    headers = {"User-Agent": _USER_AGENT, "Accept": "*/*"} | request.headers | {MARK_HEADER: mark}
    try:
        return target.request(
            address, request.method, request.path, body=request.body or None, headers=headers
        ).status
    except (OSError, http.client.HTTPException, ValueError):
        return 0


def _other_ports(
    target: Target, plan: Plan, ports: PortsSection, *, first: int
) -> Iterable[OpenPort]:
    """Request a page at every other open port of the public addresses.

    By plain HTTP and by TLS.
    """
    number = first
    for host in ports.hosts:
        for port in host.open:
            if port in {target.port, target.http_port}:
                continue
            for over_tls in (False, True):
                _ask(target, host.host, port, f"{plan.token}.{number}", over_tls=over_tls)
                yield OpenPort(port=port, number=number)
                number += 1


def _ask(target: Target, host: str, port: int, mark: str, *, over_tls: bool) -> None:
    other = Target(f"https://{target.host}:{port}", port)
    headers = {"User-Agent": _USER_AGENT, "Accept": "*/*", MARK_HEADER: mark}
    try:
        if over_tls:
            other.request(host, "GET", "/security/", headers=headers)
        else:
            other.request_plainly(host, "/security/", headers=headers)
    except (OSError, http.client.HTTPException):
        pass  # No web server: the mark did not arrive, and that is what counts.
