"""The prober of the saboteurs' deployment: what it observes, and its signed reports.

It registers and reports through the product's own operations. That its measurements are those of a
real address is tested in `tests/integration/prober`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
from django.conf import settings
from tests.conftest import as_role

from theseller.cli.outside_prober.security_page_contact_measurement import read_contact
from theseller.config.operator_on_security_page import OperatorIdentity
from theseller.config.shared_setting_hashes import setting_hashes
from theseller.controls.prober_reports.arrived_prober_requests import record_arrival
from theseller.controls.prober_reports.local_listening_ports import listening_ports
from theseller.controls.prober_reports.message_format import (
    REPORT_FORMAT,
    START_FORMAT,
    ContactSection,
    EdgeSection,
    LimitSection,
    OpenPort,
    PortsAtHost,
    PortsSection,
    Report,
    SentRequest,
    Start,
    TlsAtAddress,
    TlsSection,
    encode_message,
    parse_message,
)
from theseller.controls.prober_reports.operations import accept_report, add_prober, begin_run
from theseller.controls.prober_reports.types import ProberRefusedError
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.tenancy.host_reports_and_clocks import report_host

NAME = "outside"
_KEY = SigningKey.from_secret(Secret(bytes(range(32))))
#: The controls that read reports.
CONTROLS = frozenset({
    "net-db-private", "net-edge", "net-rate-limit", "net-tls", "page-contact",
})  # fmt: skip
#: Whom the page names, and the settings that its web and worker have.
IDENTITY = OperatorIdentity(
    "Ada Lovelace", "security@shop.internal", "Shop GmbH", "Long Street 1, Berlin"
)
OPERATOR_SETTINGS = {
    "THESELLER_SECURITY_OFFICER": IDENTITY.officer,
    "THESELLER_SECURITY_CONTACT": IDENTITY.contact,
    "THESELLER_LEGAL_ENTITY": IDENTITY.legal_entity,
    "THESELLER_LEGAL_ADDRESS": IDENTITY.legal_address,
}
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Outside:
    """What the prober sends next.

    Attributes:
        tls: its handshakes.
        ports: what answered at ports.
        edge: the requests that it sent.
        arrived: the numbers of those that reach the service.
        limits: its tries to sign in.
        contact: what it read on the security page.
        age: how long ago it measured and reported.
        client: the address that its report comes from.
        afterwards: what happens to the stored report before controls read it.
    """

    tls: TlsSection | None
    ports: PortsSection | None
    edge: EdgeSection | None
    arrived: frozenset[int]
    limits: LimitSection | None
    contact: ContactSection | None
    age: timedelta = timedelta(0)
    client: str = "203.0.113.7"
    afterwards: Callable[[], None] = lambda: None


def good_address() -> TlsAtAddress:
    return TlsAtAddress(
        address="203.0.113.1",
        versions={
            "TLSv1": "refused",
            "TLSv1_1": "refused",
            "TLSv1_2": "accepted",
            "TLSv1_3": "accepted",
        },
        old_ciphers="refused",
        certificate_error="",
        expires_at=(clock.now() + timedelta(days=60)).isoformat(),
        hsts="max-age=63072000; includeSubDomains; preload",
        redirect_status=301,
        redirect_location=f"{settings.ENVIRONMENT.public_url}/security/",
    )


def good() -> Outside:
    closed = sorted({*(listening_ports() or ()), 5432, 5433, 6432} - {443})
    return Outside(
        TlsSection(["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3", "old ciphers"], [good_address()]),
        PortsSection([PortsAtHost("203.0.113.1", closed=closed, open=[443], postgresql=[])]),
        EdgeSection(
            [
                SentRequest(number, attack=number < _SAMPLE, kind="sql in the query", status=status)
                for number, status in enumerate([403] * _SAMPLE + [200] * _SAMPLE)
            ],
            [OpenPort(22, 2 * _SAMPLE)],
        ),
        frozenset(range(_SAMPLE, 2 * _SAMPLE)),
        LimitSection(14, 10, 4, 24, 16, 8, 5),
        page_with(IDENTITY),
    )


def page_with(identity: OperatorIdentity, *, status: int = 200) -> ContactSection:
    """Return what a prober reads on a page with these texts; the product renders it elsewhere."""
    parts = zip(
        ("officer", "contact", "legal_entity", "legal_address"), identity.parts, strict=True
    )
    page = '<article class="control" id="page-contact"></article>' + "".join(
        f'<dd data-operator="{part}">{text}</dd>' for part, text in parts
    )
    return ContactSection([read_contact("203.0.113.1", status, page if status == 200 else "")])


_observed: Callable[[], Outside] = good


def register() -> None:
    """Register the prober, unless the database has it."""
    with as_role("migrate"), contextlib.suppress(ProberRefusedError):
        add_prober(name=NAME, public_key=_KEY.public_bytes, actor="process:test", at=clock.now())


def deliver() -> None:
    """Have web and worker report their settings, and the prober what it observes now."""
    for process in ("web", "worker"):
        with as_role(process):
            report_host(process, version="test", hashes=setting_hashes(OPERATOR_SETTINGS))
    seen = _observed()
    at = clock.now() - seen.age
    start = Start(format=START_FORMAT, prober=NAME, at=at.isoformat())
    plan = begin_run(parse_message(encode_message(start, _KEY)), at=at)
    for number in seen.arrived:
        record_arrival(f"{plan.token}.{number}", at=at)
    report = Report(
        format=REPORT_FORMAT,
        prober=NAME,
        run=plan.run,
        challenge=plan.challenge,
        public_url=plan.public_url,
        measured_at=at.isoformat(),
        tls=seen.tls,
        ports=seen.ports,
        edge=seen.edge,
        limits=seen.limits if plan.limits else None,
        contact=seen.contact,
    )
    accept_report(parse_message(encode_message(report, _KEY)), client=seen.client, at=at)
    seen.afterwards()


def observing(
    superuser: psycopg.Connection[tuple[object, ...]],
    change: Callable[[Outside], Outside],
    repair: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Have the prober observe something else while an act lasts; then `repair` and report again.

    Its runs are deleted before and after: it tries limits only if no recent run did.
    """
    global _observed  # noqa: PLW0603 - an act changes what the one prober observes
    superuser.execute("delete from controls_prober_run")
    _observed = lambda: change(good())  # noqa: E731
    try:
        yield
    finally:
        _observed = good
        repair()
        superuser.execute("delete from controls_prober_run")
        deliver()


def at_address(**changes: object) -> Callable[[Outside], Outside]:
    """Return what changes the answers of the one address."""

    def change(outside: Outside) -> Outside:
        assert outside.tls is not None
        (address,) = outside.tls.addresses
        values = {name: getattr(address, name) for name in address.__struct_fields__} | changes
        return replace(outside, tls=TlsSection(outside.tls.offered, [TlsAtAddress(**values)]))

    return change
