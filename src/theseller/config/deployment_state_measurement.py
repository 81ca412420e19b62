"""Measure the state of the deployment.

`/metrics`, `theseller status` and the operators' status page show it. Counts and ages over all
tenants: there is no ID and no person in them.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connections

from theseller.backups.state_export import last_export
from theseller.config.metrics_settings import tls_certificate
from theseller.controls.security_page_data import security_page
from theseller.crypto.certificate_expiry import certificate_expires_at
from theseller.lib import sql_execution
from theseller.mail.queries import undelivered_counts
from theseller.operators.deployment_status.types import (
    BackupState,
    DeploymentState,
    StateExportState,
)
from theseller.tenancy.host_reports_and_clocks import hosts

#: A worker writes its heartbeat every five seconds; the function counts those of the last 30.
HEARTBEAT = "select workers, age from guard.worker_heartbeat()"
_MEASUREMENTS = "select measure, label, other, value from guard.deployment_measurements()"
_BACKUPS = """
select extract(epoch from %(at)s - max(begun_at) filter (where finished_at is not null))::float,
       count(*) filter (where failed is not null and begun_at > coalesce(
           (select max(begun_at) from retention_backup where finished_at is not null), '-infinity'))
from retention_backup
"""
_DRILL = """
select extract(epoch from %s - max(finished_at) filter (where passed))::float,
       (array_agg(passed order by finished_at desc))[1]
from retention_drill
"""


def worker_heartbeat(using: str = "default") -> tuple[int, float | None]:
    """Return how many workers live, and the newest heartbeat's age.

    The age is in seconds, None if no worker ever wrote one.
    """
    workers, age = sql_execution.one(connections[using], HEARTBEAT)
    return int(workers), None if age is None else max(0.0, float(age))


def deployment_state(at: datetime, *, measured_by: str, read_by: str) -> DeploymentState:
    """Return the state of the deployment.

    Args:
        at: the time of the question.
        measured_by: the connection that may count over all tenants.
        read_by: the connection that reads records of backups and evidence of controls.
    """
    found = _Measurements.read(measured_by)
    workers, age = worker_heartbeat(measured_by)
    disk = shutil.disk_usage(settings.ENVIRONMENT.state)
    shown = security_page(at, using=read_by)
    return DeploymentState(
        at=at,
        workers=workers,
        heartbeat_age=age,
        hosts=hosts(using=measured_by),
        jobs=found.counts("jobs"),
        oldest_waiting_job=found.single("oldest_waiting_job"),
        streams=found.counts("streams"),
        stream_ages={label: value for label, _, value in found.of("stream_age")},
        streams_overdue=int(found.single("streams_overdue")),
        streams_failing=int(found.single("streams_failing")),
        rate_limits={label: int(value) for label, _, value in found.of("rate_limits")},
        documents=found.counts("documents"),
        mail=undelivered_counts(at=at, using=measured_by),
        backups=_backups(at, read_by) if settings.ENVIRONMENT.backups else None,
        controls=dict(Counter(one.outcome.value for one in shown.controls if one.has_probe)),
        disk_free=disk.free,
        disk_size=disk.total,
        certificate_days=_certificate_days(at),
        state_export=_state_export(at),
    )


@dataclass(frozen=True, slots=True)
class _Measurements:
    """Rows of `guard.deployment_measurements`: measure, two labels, value."""

    rows: dict[str, list[tuple[str, str, float]]] = field(default_factory=dict)

    @classmethod
    def read(cls, using: str) -> _Measurements:
        found = cls()
        for measure, label, other, value in sql_execution.rows(connections[using], _MEASUREMENTS):
            found.rows.setdefault(measure, []).append((label, other, float(value)))
        return found

    def of(self, measure: str) -> list[tuple[str, str, float]]:
        return self.rows.get(measure, [])

    def counts(self, measure: str) -> dict[tuple[str, str], int]:
        return {(label, other): int(value) for label, other, value in self.of(measure)}

    def single(self, measure: str) -> float:
        return max(0.0, sum(value for _, _, value in self.of(measure)))


def _backups(at: datetime, using: str) -> BackupState:
    age, failures = sql_execution.one(connections[using], _BACKUPS, {"at": at})
    test_age, passed = sql_execution.one(connections[using], _DRILL, [at])
    return BackupState(age, int(failures), test_age, passed)


def _state_export(at: datetime) -> StateExportState | None:
    environment = settings.ENVIRONMENT
    if not (environment.kind.guarded and environment.secret_config.in_files):
        return None
    last = last_export(environment.state)
    return StateExportState(
        None if last is None else max(0.0, (at - last).total_seconds()),
        86_400.0 * settings.STATE_EXPORTS.days,
    )


def _certificate_days(at: datetime) -> float | None:
    path = tls_certificate(os.environ)
    if path is None:
        return None
    try:
        return (certificate_expires_at(path) - at).total_seconds() / 86_400
    except (OSError, ValueError):
        return 0.0  # A certificate that can't be read is reported like one that has expired.
