"""`theseller status`: how the deployment does, on one screen."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from theseller import __version__
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK
from theseller.lib import clock
from theseller.operators.deployment_status.host_status_lines import differing_settings
from theseller.operators.deployment_status.status_lines import (
    count_jobs,
    count_streams,
    problems_of,
    status_lines,
)

if TYPE_CHECKING:
    from theseller.operators.deployment_status.types import DeploymentState

HELP = "show workers, queue, streams, backups, controls and disk; exits with 1 on a problem"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the state; return 1 if there is a problem, else 0."""
    setup_django("worker")
    from theseller.config.deployment_state_measurement import deployment_state

    state = deployment_state(clock.now(), measured_by="default", read_by="probe")
    lines = status_lines(state)
    found = [str(problem) for problem in problems_of(state)]
    if args.json:
        print(json.dumps(document(state, found), indent=1))
    else:
        print(f"{'version':14} {__version__}")
        print("\n".join(f"{line.name:14} {line.text}" for line in lines))
        for problem in found:
            print(f"✗ {problem}")
    return FAILURE if found else OK


def document(state: DeploymentState, found: list[str]) -> dict[str, object]:
    """Return the state as a JSON document. Ages are in seconds."""
    backups = state.backups
    return {
        "version": __version__,
        "at": state.at.isoformat(),
        "workers": {"running": state.workers, "heartbeat_age": state.heartbeat_age},
        "hosts": [
            {
                "name": one.name,
                "process": one.process,
                "version": one.version,
                "age": one.age,
                "clock_ahead": one.clock_ahead,
                "disk": {"free": one.disk_free, "size": one.disk_size},
                "differing_settings": list(differing_settings(one, state.hosts)),
            }
            for one in state.hosts
        ],
        "queue": {
            "running": count_jobs(state, "running"),
            "waiting": count_jobs(state, "waiting"),
            "oldest_waiting": state.oldest_waiting_job,
        },
        "streams": {
            "by_outcome": count_streams(state),
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
        "state_export": None
        if state.state_export is None
        else {"age": state.state_export.age, "age_max": state.state_export.age_max},
        "controls": state.controls,
        "disk": {"free": state.disk_free, "size": state.disk_size},
        "certificate_days": state.certificate_days,
        "problems": found,
    }
