"""Read registered probers, and the reports that a control may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connections

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.message_format import (
    REPORT_FORMAT,
    InvalidMessageError,
    Plan,
    Report,
    SignedDocument,
    is_signed_by,
    parse_document,
)
from theseller.controls.prober_reports.operations import parse_time
from theseller.controls.prober_reports.types import (
    CLOCKS_DIFFER,
    LIMITS_LAST,
    REPORT_LASTS,
    RegisteredProber,
    VerifiedReport,
)
from theseller.lib import sql_execution

_PROBERS = """
select p.name, p.public_key, p.added_at, max(o.received_at)
from controls_prober p
left join controls_prober_run r on r.prober = p.name
left join controls_prober_report o on o.run_id = r.id
group by p.name order by p.name
"""
#: The newest report of each registered prober.
_NEWEST = """
select p.name, p.public_key, n.run_id, n.challenge, n.document, n.signature, n.from_elsewhere,
  n.plan, array(select a.number from controls_prober_arrival a where a.run_id = n.run_id)
from controls_prober p left join lateral (
    select o.run_id, r.challenge, o.document, o.signature, o.from_elsewhere, r.plan::text
    from controls_prober_report o join controls_prober_run r on r.id = o.run_id
    where r.prober = p.name and (not %s or (r.plan ->> 'limits')::boolean)
    order by o.received_at desc limit 1) n on true
order by p.name
"""
NO_PROBER = (
    "No prober is registered, so nothing outside has tested it. A prober runs on another machine:"
    " see docs/operate/prober.md."
)


@dataclass(frozen=True, slots=True)
class CurrentReports:
    """The verified reports that count now.

    `problems` says why others don't, one sentence each.
    """

    reports: tuple[VerifiedReport, ...]
    problems: tuple[str, ...]


def probers() -> tuple[RegisteredProber, ...]:
    """Return the registered probers, by name, as the owner of the tables."""
    return tuple(
        RegisteredProber(name, bytes(key), added, reported)
        for name, key, added, reported in sql_execution.rows(connections["default"], _PROBERS)
    )


def current_reports(context: ProbeContext, *, limits: bool = False) -> CurrentReports:
    """Return the newest verified, recent report of each registered prober.

    The stored bytes are verified against the registered key, so that a row that a process wrote by
    itself counts as nothing. With `limits`, the newest reports of runs that tried limits.
    """
    reports, problems = [], []
    rows = context.rows(_NEWEST, [limits])
    lasts = LIMITS_LAST if limits else REPORT_LASTS
    for row in rows:
        try:
            reports.append(_verified(row, lasts, at=context.at))
        except InvalidMessageError as error:
            problems.append(f"Prober {row[0]}: {error}.")
    if not rows:
        problems.append(NO_PROBER)
    return CurrentReports(tuple(reports), tuple(problems))


def _verified(row: Sequence[Any], lasts: timedelta, *, at: datetime) -> VerifiedReport:
    """Return the report of a row.

    Raises:
        InvalidMessageError: it does not count, and why.
    """
    name, key, run, challenge, document, signature, from_elsewhere, plan, arrived = row
    if document is None:
        raise InvalidMessageError("it has sent no report yet")
    signed = SignedDocument(bytes(document), bytes(signature))
    if not is_signed_by(signed, bytes(key)):
        raise InvalidMessageError("the signature of its newest report is not valid")
    report = parse_document(signed.document, Report, expected_format=REPORT_FORMAT)
    measured_at = parse_time(report.measured_at)
    if (report.prober, report.run, report.challenge) != (name, str(run), bytes(challenge).hex()):
        raise InvalidMessageError("its newest report belongs to another run")
    if not -CLOCKS_DIFFER <= at - measured_at <= lasts:
        minutes = int((at - measured_at).total_seconds() // 60)
        raise InvalidMessageError(f"its newest measurements are {minutes} minute(s) old")
    if report.public_url != settings.ENVIRONMENT.public_url:
        raise InvalidMessageError("it tested another address than THESELLER_PUBLIC_URL")
    if not from_elsewhere:
        raise InvalidMessageError(
            "its report came from an address of this machine, so it did not test from outside"
        )
    return VerifiedReport(report, _plan(plan), frozenset(arrived), measured_at)


def _plan(text: str) -> Plan:
    try:
        return msgspec.json.decode(text, type=Plan)
    except msgspec.ValidationError:
        raise InvalidMessageError("its run was begun by another version") from None
