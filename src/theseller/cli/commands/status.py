"""`theseller status`: how the deployment does, on one screen."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from theseller import __version__
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK
from theseller.lib import clock
from theseller.retention.retention_limits import BACKUP_HOURS

if TYPE_CHECKING:
    from theseller.config.deployment_state import DeploymentState

HELP = "show workers, queue, streams, backups, controls and disk; exits with 1 on a problem"
#: What counts as a problem; the alert rules have the same numbers (docs/operate/monitoring.md).
WAITING_SECONDS_MAX, DISK_FREE_SHARE_MIN, CERTIFICATE_DAYS_MIN = 600, 0.1, 14
BACKUP_SECONDS_MAX = (BACKUP_HOURS + 2) * 3600
_GIB = 1 << 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the state; return 1 if there is a problem, else 0."""
    setup_django("worker")
    from theseller.config.deployment_state import deployment_state

    state = deployment_state(clock.now(), measured_by="default", read_by="probe")
    found = list(problems(state))
    if args.json:
        print(json.dumps(document(state, found), indent=1))
    else:
        print("\n".join(f"{name:14} {text}" for name, text in _lines(state)))
        for problem in found:
            print(f"✗ {problem}")
    return FAILURE if found else OK


def problems(state: DeploymentState) -> Iterator[str]:
    """Name what an operator has to do something about."""
    if not state.workers:
        yield "no worker runs: start `theseller worker`"
    if state.oldest_waiting_job > WAITING_SECONDS_MAX:
        yield f"a job has waited for {state.oldest_waiting_job:.0f} s"
    if state.streams_overdue:
        yield f"{state.streams_overdue} streams were not run when they were due"
    backups = state.backups
    if backups is not None:
        if backups.age is None or backups.age > BACKUP_SECONDS_MAX:
            yield f"no backup in the last {BACKUP_SECONDS_MAX // 3600} hours"
        if backups.last_test_passed is False:
            yield "the last restore test failed"
    if state.controls.get("broken"):
        yield f"{state.controls['broken']} controls are broken: `theseller controls` names them"
    if state.disk_free < DISK_FREE_SHARE_MIN * state.disk_size:
        yield f"less than {DISK_FREE_SHARE_MIN:.0%} of the disk is free"
    if state.certificate_days is not None and state.certificate_days < CERTIFICATE_DAYS_MIN:
        yield f"the TLS certificate expires in {max(0.0, state.certificate_days):.0f} days"


def document(state: DeploymentState, found: list[str]) -> dict[str, object]:
    """Return the state as a JSON document. Ages are in seconds."""
    backups = state.backups
    return {
        "version": __version__,
        "at": state.at.isoformat(),
        "workers": {"running": state.workers, "heartbeat_age": state.heartbeat_age},
        "queue": {
            "running": _jobs(state, "running"),
            "waiting": _jobs(state, "waiting"),
            "oldest_waiting": state.oldest_waiting_job,
        },
        "streams": {
            "by_outcome": _streams(state),
            "overdue": state.streams_overdue,
            "failing": state.streams_failing,
        },
        "backup": None
        if backups is None
        else {
            "age": backups.age,
            "failures": backups.failures,
            "restore_test_age": backups.test_age,
            "last_restore_test_passed": backups.last_test_passed,
        },
        "controls": state.controls,
        "disk": {"free": state.disk_free, "size": state.disk_size},
        "certificate_days": state.certificate_days,
        "problems": found,
    }


def _lines(state: DeploymentState) -> Iterator[tuple[str, str]]:
    yield "version", __version__
    yield "workers", f"{state.workers}, last heartbeat {_ago(state.heartbeat_age)}"
    running, waiting = _jobs(state, "running"), _jobs(state, "waiting")
    oldest = f"the oldest for {state.oldest_waiting_job:.0f} s"
    yield "queue", f"{running} running, {waiting} waiting, {oldest}"
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(_streams(state).items()))
    yield (
        "streams",
        f"{outcomes or 'none'}; {state.streams_overdue} overdue, {state.streams_failing} failing",
    )
    if state.backups is None:
        yield "backups", "TheSeller takes none here"
    else:
        passed = {None: "", True: ", the last passed", False: ", the last FAILED"}
        yield "last backup", f"{_ago(state.backups.age)}, {state.backups.failures} failures since"
        yield (
            "restore test",
            f"{_ago(state.backups.test_age)}{passed[state.backups.last_test_passed]}",
        )
    yield "controls", ", ".join(f"{count} {name}" for name, count in sorted(state.controls.items()))
    yield "disk", f"{state.disk_free / _GIB:.1f} of {state.disk_size / _GIB:.1f} GiB free"
    if state.certificate_days is not None:
        yield "certificate", f"{state.certificate_days:.0f} days left"


def _jobs(state: DeploymentState, wanted: str) -> int:
    return sum(count for (_, kind), count in state.jobs.items() if kind == wanted)


def _streams(state: DeploymentState) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, outcome), count in state.streams.items():
        found[outcome] = found.get(outcome, 0) + count
    return found


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"
