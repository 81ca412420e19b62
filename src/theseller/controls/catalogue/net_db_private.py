"""Security page §4: the database can't be reached from outside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.operations import external_database
from theseller.controls.prober_reports.outcome_of_reports import (
    NOT_MEASURED,
    Judgment,
    outcome_of_reports,
)
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.controls.types import Control, EnforcementKind, Outcome
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="net-db-private",
    section=4,
    title=gettext_noop("The database does not answer another machine on the internet"),
    statement=gettext_noop(
        "A prober on another machine tries every port at which the deployment's machine listens,"
        " the usual ports of PostgreSQL and the address of the database. PostgreSQL may answer at"
        " none of them, and the database's own port not at all. The port for HTTPS has to answer in"
        " the same run. A database of the deployment's own machine listens on a Unix socket only."
    ),
    citation="Security page §4; Data Protection Policy 1.1",
    owner=gettext_noop("Operations"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.postgres.initdb_and_settings",
        "theseller.config.database_settings:database_settings",
        "theseller.controls.prober_reports.queries:current_reports",
    ),
    after=(Tag.PROBER_ADDED, Tag.PROBER_REMOVED),
    kind=EnforcementKind.SOFTWARE_AND_DEPLOYMENT,
)

#: PostgreSQL's and PgBouncer's usual ports, which each report must have tried.
_USUAL_PORTS = frozenset({5432, 5433, 6432})
_LISTEN_ADDRESSES = "select current_setting('listen_addresses')"


def probe(context: ProbeContext) -> Outcome:
    """Judge what probers reported of ports, and the server's own setting."""
    inside = list(_listens(context))
    return outcome_of_reports(
        context,
        judge,
        "PostgreSQL answered at none of {checked} port(s) that were tried; HTTPS did.",
        inside=inside,
    )


def judge(verified: VerifiedReport, at: datetime) -> Judgment:
    """Judge the ports of one report."""
    del at
    judgment, section = Judgment(), verified.report.ports
    if section is None or not section.hosts:
        judgment.unseen.append(NOT_MEASURED)
        return judgment
    databases = {(one.host, one.port) for one in verified.plan.databases} | {
        (one.host, one.port) for one in external_database()
    }
    https = urlsplit(verified.report.public_url).port or 443
    tried = {
        (one.host, port): one
        for one in section.hosts
        for port in (*one.closed, *one.open, *one.postgresql)
    }
    for one in section.hosts:
        judgment.checked += len(one.closed) + len(one.open) + len(one.postgresql)
        judgment.failures += [
            f"A PostgreSQL server answers at port {port} of {_shown(one.host, databases)}."
            for port in one.postgresql
        ]
        judgment.failures += [
            f"The port {port} of the database is open at {_shown(one.host, databases)}."
            for port in one.open
            if (one.host, port) in databases
        ]
    public = [one for one in section.hosts if https in (*one.open, *one.closed, *one.postgresql)]
    if not any(https in one.open for one in public):
        judgment.unseen.append("it reached no port for HTTPS either, so closed ports prove nothing")
    if verified.plan.listening_ports is None:
        judgment.unseen.append("the deployment's machine could not list its ports for it")
    needed = {*(verified.plan.listening_ports or ()), *_USUAL_PORTS}
    if any(needed - {*one.closed, *one.open, *one.postgresql} for one in public) or databases - set(
        tried
    ):
        judgment.unseen.append("it did not try every port")
    return judgment


def _listens(context: ProbeContext) -> Iterator[str]:
    if context.database_directory is None:
        return
    ((addresses,),) = context.rows(_LISTEN_ADDRESSES)
    if addresses:
        yield f"The database's server listens on the network ({addresses})."


def _shown(host: str, databases: set[tuple[str, int]]) -> str:
    return "the database's address" if host in {one for one, _ in databases} else host
