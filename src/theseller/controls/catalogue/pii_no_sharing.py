"""Security page §5: personal data goes to listed subprocessors only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import (
    Control,
    HostScope,
    Outcome,
    must_find,
    verdict,
)
from theseller.lib.egress_guard import EgressRefusedError, allowed_destinations
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="pii-no-sharing",
    section=5,
    title=gettext_noop("Personal data goes to no third party but the listed subprocessors"),
    statement=gettext_noop(
        "Web and worker can connect to Amazon, to their own machine, and to the hosts of their"
        " configuration; whatever else they try is refused before anything is sent. Each of those"
        " hosts belongs to a subprocessor that the operator has listed, and the list names no host"
        " that isn’t called."
    ),
    citation="Security page §5; Data Protection Policy 1.1",
    owner=gettext_noop("Operator"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.lib.egress_guard:restrict_egress",
        "theseller.config.egress_and_subprocessors:destinations",
        "theseller.config.egress_and_subprocessors:read_register",
    ),
    hosts=HostScope.ALL,
)

#: Names and an address (RFC 2606, RFC 5737) that no service has, so that nothing is sent even where
#: nothing is refused.
_ELSEWHERE = ("elsewhere.invalid", "amazonaws.com.elsewhere.invalid", "192.0.2.1")


def probe(context: ProbeContext) -> Outcome:
    """Compare allowed hosts with listed ones, and try to connect to others."""
    del context
    callable_hosts = {one.host: one for one in settings.EGRESS if not one.local and not one.source}
    listed = {host: party.name for party in settings.SUBPROCESSORS for host in party.hosts}
    failures = [
        f"The service may call {host} ({one.why}), and no listed subprocessor is behind it: add it"
        " to THESELLER_SUBPROCESSORS."
        for host, one in callable_hosts.items()
        if host not in listed
    ]
    failures += [
        f"{name} is listed with {host}, which the service never calls."
        for host, name in listed.items()
        if host not in callable_hosts
    ]
    must_find(_lets_local_through(), "a host that may be called")
    failures += list(_egress_attempts())
    unseen = [party.name for party in settings.SUBPROCESSORS if not party.hosts]
    names = "; ".join(party.name for party in settings.SUBPROCESSORS) or "none"
    return verdict(
        len(_ELSEWHERE) + len(callable_hosts),
        failures,
        f"Listed subprocessors: {names}. {len(settings.EGRESS)} hosts may be called,"
        f" {len(callable_hosts)} of them a third party’s and not Amazon’s, each listed;"
        f" {len(_ELSEWHERE)} others were tried and refused.",
        hosts=len(settings.EGRESS),
        third_parties=len(settings.SUBPROCESSORS),
        refused=len(_ELSEWHERE),
        declared=(
            [
                (
                    f"What {'; '.join(unseen)} does for this service: no host of theirs is called,"
                    " so nothing can be compared."
                )
            ]
            if unseen
            else []
        ),
    )


def _lets_local_through() -> bool:
    """Return whether this machine's own name can be looked up.

    A restriction that refuses everything would prove nothing about other hosts.
    """
    try:
        socket.getaddrinfo("localhost", 443, type=socket.SOCK_STREAM)
    except EgressRefusedError:
        return False
    except OSError:
        pass
    return True


def _egress_attempts() -> Iterator[str]:
    """Try to connect from this process, which handles the data."""
    if allowed_destinations() != settings.EGRESS:
        yield "This process can connect to hosts that its configuration does not name."
    for host in _ELSEWHERE:
        try:
            socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
        except EgressRefusedError:
            continue
        except OSError:
            pass  # The lookup was allowed, and only the network has no such host.
        yield f"A call to {host} was not refused."
