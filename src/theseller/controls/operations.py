"""Run probes and store their outcomes.

Nothing sets a status: the page derives it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections as databases
from django.db import transaction

from theseller.controls.catalogue import CATALOGUE
from theseller.controls.host_results import store_host_result, with_other_hosts
from theseller.controls.probe_tools.probe_context import ProbeContext, live_context
from theseller.controls.queries import latest_evidence
from theseller.controls.types import (
    BlindProbeError,
    CatalogueEntry,
    Control,
    Evidence,
    Failed,
    HostScope,
    NotApplicable,
    NothingCheckedError,
    Observations,
    Outcome,
    Passed,
    Status,
    Unknown,
)
from theseller.lib import code_version, sql_execution
from theseller.lib.ids import new_id
from theseller.lib.structured_logging import getLogger
from theseller.tenancy.schema_release import schema_is_newer

log = getLogger(__name__)

_SUMMARY_LENGTH = 500
_RUN_LAST = "page-true"
_LATER_SCHEMA = (
    "The database has the schema of a later release, which this program can't compare with its own"
    " lists. Programs of that release can."
)
#: When each kind of event happened last, among the newest.
_NEWEST_EVENTS = (
    "select tag, max(at) from (select tag, at from audit_event order by position desc limit 1000) e"
    " group by tag"
)


@dataclass(frozen=True, slots=True)
class _LastRun:
    """When this process last ran a probe, and the evidence of that run.

    Evidence in the database cannot change it.
    """

    at: datetime
    evidence: Evidence


#: By the control's id. A process that has just started has run nothing, so everything is due.
_last_runs: dict[str, _LastRun] = {}


def run_control(control: str, *, at: datetime) -> Evidence:
    """Run one probe on the live deployment and append its outcome.

    Raises:
        KeyError: there is no such control, or no probe for that clause yet.
    """
    context, entry = live_context(at), CATALOGUE[control]
    outcome = _run_probe(entry, context)
    if entry.control.hosts is not HostScope.DEPLOYMENT:
        outcome = _over_all_hosts(entry.control, outcome, context)
    evidence = _append(control, outcome, context)
    _last_runs[control] = _LastRun(at, evidence)
    return evidence


def run_all(*, at: datetime) -> tuple[Evidence, ...]:
    """Run every probe now, `page-true` last."""
    return tuple(
        run_control(control, at=at)
        for control in [*(name for name in CATALOGUE if name != _RUN_LAST), _RUN_LAST]
    )


def run_due(*, at: datetime) -> tuple[Evidence, ...]:
    """Run every probe that is due.

    A probe is due when this process has not run it for its interval, when its evidence is missing,
    of another program, too old or from the future, when something happened that it looks at, or
    when the newest evidence is not this process's own and says something else than this process
    saw. `page-true` comes last, and whenever another ran: what the page shows has changed.
    """
    context = live_context(at)
    newest = latest_evidence(list(CATALOGUE), using=context.probe)
    happened: dict[str, datetime] = dict(context.rows(_NEWEST_EVENTS))
    due = [
        entry.control.id
        for entry in CATALOGUE.values()
        if _is_due(entry, newest.get(entry.control.id), happened, at)
    ]
    last = [_RUN_LAST] if due else []
    return tuple(
        run_control(control, at=at)
        for control in [*(name for name in due if name != _RUN_LAST), *last]
    )


def _is_due(
    entry: CatalogueEntry, newest: Evidence | None, happened: Mapping[str, datetime], at: datetime
) -> bool:
    ran = _last_runs.get(entry.control.id)
    if newest is None or ran is None or newest.code_version != code_version.code_version():
        return True
    if newest.collected_at > at or not timedelta(0) <= at - ran.at < entry.control.interval:
        return True  # Evidence with a time in the future must not delay the next run.
    if newest.id != ran.evidence.id and newest.outcome is not ran.evidence.outcome:
        return True
    if at - newest.collected_at >= entry.control.interval:
        return True
    return any(
        newest.collected_at < happened[tag] for tag in entry.control.after if tag in happened
    )


def _run_probe(entry: CatalogueEntry, context: ProbeContext) -> Outcome:
    """Run the probe; an error is the outcome unknown.

    A probe that fails has proven nothing. Its message may contain data that must not be stored:
    only the error's class is.
    """
    try:
        outcome = entry.probe(context)
        later = entry.control.compares_schema and schema_is_newer(context.probe)
        return Unknown(_LATER_SCHEMA) if later and isinstance(outcome, Failed) else outcome
    except BlindProbeError as blind:
        return Unknown(str(blind))
    except NothingCheckedError:
        return Unknown("There was nothing to check, so nothing is proven.")
    # any failure is recorded as "unknown", never as passed
    except Exception as error:  # noqa: BLE001
        log.error("probe_failed", control=entry.control.id, error=type(error).__name__)
        return Unknown(f"The probe could not finish ({type(error).__name__}).")


def _over_all_hosts(control: Control, mine: Outcome, context: ProbeContext) -> Outcome:
    version = code_version.code_version()
    status, _checked, summary, _observations = _as_columns(mine)
    store_host_result(control, status, summary, version=version, context=context)
    return with_other_hosts(control, mine, version=version, context=context)


def _append(control: str, outcome: Outcome, context: ProbeContext) -> Evidence:
    status, checked, summary, observations = _as_columns(outcome)
    identity, version = new_id(), code_version.code_version()
    # Besides `host_results`, the only statement by which the probe's role writes anything.
    with transaction.atomic(using=context.probe):
        sql_execution.execute(databases[context.probe], "set transaction read write")
        position = sql_execution.value(
            databases[context.probe],
            "insert into controls_evidence (id, control_id, outcome, checked, summary,"
            " observations, code_version, collected_at) values (%s, %s, %s, %s, %s, %s, %s, %s)"
            " returning position",
            [
                identity,
                control,
                status.value,
                checked,
                summary,
                json.dumps(dict(observations)),
                version,
                context.at,
            ],
        )
    return Evidence(
        position, identity, control, status, checked, summary, observations, version, context.at
    )


def _as_columns(outcome: Outcome) -> tuple[Status, int, str, Observations]:
    match outcome:
        case Passed(checked, summary, observations):
            return Status.PASSED, checked, summary[:_SUMMARY_LENGTH], observations
        case Failed(evidence, checked, observations):
            return Status.FAILED, checked, evidence[:_SUMMARY_LENGTH], observations
        case NotApplicable(reason):
            return Status.NOT_APPLICABLE, 0, reason[:_SUMMARY_LENGTH], {}
        case Unknown(reason):
            return Status.UNKNOWN, 0, reason[:_SUMMARY_LENGTH], {}
