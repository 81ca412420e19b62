"""The state of the deployment in numbers, and its summary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from theseller.mail.types import UndeliveredCounts
from theseller.tenancy.host_types import Host


@dataclass(frozen=True, slots=True)
class BackupState:
    """Ages of the last backup and restore test that succeeded, in seconds.

    None if there was none. `failures` counts attempts since the last backup that succeeded,
    `last_test_passed` is None before the first restore test.
    """

    age: float | None
    failures: int
    test_age: float | None
    last_test_passed: bool | None


@dataclass(frozen=True, slots=True)
class StateExportState:
    """Age of the last export of this host's state folder, and its limit.

    Both are in seconds; `age` is None if there was none.
    """

    age: float | None
    age_max: float


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """Everything that is counted, as of `at`. Ages are in seconds.

    Attributes:
        hosts: each process of each host, as it last reported.
        jobs: by task and state (running, scheduled, waiting).
        streams: by name and outcome of the last step.
        stream_ages: the longest time since a success, by outcome of the last step.
        rate_limits: Amazon's token buckets that are exhausted or available now.
        documents: documents of the last 24 hours by origin and report type.
        mail: undelivered mail.
        controls: controls with a probe, by outcome.
        certificate_days: days until the TLS certificate expires, None without the setting.
        state_export: None where no export is needed.
    """

    at: datetime
    workers: int
    heartbeat_age: float | None
    hosts: tuple[Host, ...]
    jobs: dict[tuple[str, str], int]
    oldest_waiting_job: float
    streams: dict[tuple[str, str], int]
    stream_ages: dict[str, float]
    streams_overdue: int
    streams_failing: int
    rate_limits: dict[str, int]
    documents: dict[tuple[str, str], int]
    mail: UndeliveredCounts
    backups: BackupState | None
    controls: dict[str, int]
    disk_free: int
    disk_size: int
    certificate_days: float | None
    state_export: StateExportState | None = None


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One part of the deployment, in words.

    `problem` is "" where nothing is wrong.
    """

    name: str
    text: str
    problem: str = ""
