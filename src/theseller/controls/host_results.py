"""Combine what each host found of a control that every host has to hold.

A host runs its own probes: its files, its copies, its process. What it found is stored, and the
evidence says of all hosts what the worst of them found, so that no host hides another's failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections as databases
from django.db import transaction

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import (
    DECLARED,
    Control,
    Failed,
    HostScope,
    Outcome,
    Passed,
    Status,
    Unknown,
)
from theseller.lib import sql_execution
from theseller.tenancy.host_reports_and_clocks import hosts, this_host
from theseller.tenancy.host_types import Host

#: A result of a host that is no longer there is deleted after this.
_KEPT = timedelta(days=1)
_STORE = """
insert into controls_host_result (host, control_id, outcome, summary, code_version, collected_at)
values (%s, %s, %s, %s, %s, %s)
on conflict (host, control_id) do update set outcome = excluded.outcome,
    summary = excluded.summary, code_version = excluded.code_version,
    collected_at = excluded.collected_at
"""
_RESULTS = (
    "select host, outcome, summary, code_version, collected_at from controls_host_result"
    " where control_id = %s"
)


@dataclass(frozen=True, slots=True)
class _Result:
    outcome: Status
    summary: str
    code_version: str
    collected_at: datetime


def store_host_result(
    control: Control, status: Status, summary: str, *, version: str, context: ProbeContext
) -> None:
    """Store what this host found."""
    with transaction.atomic(using=context.probe):
        database = databases[context.probe]
        sql_execution.execute(database, "set transaction read write")
        sql_execution.execute(
            database,
            _STORE,
            [this_host(), control.id, status.value, summary, version, context.at],
        )
        sql_execution.execute(
            database,
            "delete from controls_host_result where collected_at < %s",
            [context.at - _KEPT],
        )


def with_other_hosts(
    control: Control, mine: Outcome, *, version: str, context: ProbeContext
) -> Outcome:
    """Return the outcome over all hosts: the worst of them.

    A worker's host that has reported no result, an old one or one of another program leaves the
    control unknown.
    """
    known = hosts(using=context.probe)
    others = [one for one in known if one.process == "worker" and one.id != this_host()]
    if isinstance(mine, Failed):
        return mine
    results = _results(control, context)
    wrong = [
        judged.of_host(one.name)
        for one in others
        if (judged := _judge(control, results.get(one.id), version=version, at=context.at))
    ]
    # A failure first; what this host could not tell is not hidden by what another could not.
    wrong.sort(key=lambda one: isinstance(one, Unknown))
    if wrong and (isinstance(wrong[0], Failed) or not isinstance(mine, Unknown)):
        return wrong[0]
    return _with_count(mine, len(others), _unprobed(control, known))


def _results(control: Control, context: ProbeContext) -> dict[UUID, _Result]:
    return {
        row[0]: _Result(Status(row[1]), *row[2:])
        for row in sql_execution.rows(databases[context.probe], _RESULTS, [control.id])
    }


def _judge(
    control: Control, result: _Result | None, *, version: str, at: datetime
) -> Failed | Unknown | None:
    """Return what is wrong with another host's result; None if it holds there."""
    if result is None:
        return Unknown("It has reported nothing yet.")
    if result.outcome is Status.FAILED:
        return Failed(result.summary)
    if result.code_version != version:
        return Unknown("It runs another version of the program.")
    if not timedelta(minutes=-1) <= at - result.collected_at <= control.freshness:
        return Unknown("Its newest result is too old to count.")
    return Unknown(result.summary) if result.outcome is Status.UNKNOWN else None


def _unprobed(control: Control, known: Sequence[Host]) -> int:
    """Return how many hosts only serve pages: no probe runs there."""
    if control.hosts is not HostScope.ALL:
        return 0
    workers = {one.id for one in known if one.process == "worker"}
    return len({one.id for one in known} - workers - {this_host()})


def _with_count(mine: Outcome, others: int, unprobed: int) -> Outcome:
    if not isinstance(mine, Passed) or not (others or unprobed):
        return mine
    observations = dict(mine.observations)
    if unprobed:
        declared = observations.get(DECLARED, ())
        before = [declared] if isinstance(declared, int | str) else declared
        observations[DECLARED] = [
            *map(str, before),
            f"{unprobed} host(s) only serve pages: this probe does not look at them.",
        ]
    said = f" The same holds on {others} other host(s)." if others else ""
    return replace(mine, summary=f"{mine.summary}{said}", observations=observations)
