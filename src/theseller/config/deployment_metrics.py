"""The state of the deployment as Prometheus metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from theseller import __version__
from theseller.controls.types import Status
from theseller.lib.structured_logging import getLogger
from theseller.operators.deployment_status.host_status_lines import differing_settings
from theseller.operators.deployment_status.types import DeploymentState
from theseller.tenancy.host_types import Host

log = getLogger(__name__)

#: How long a state that was read is shown: scrapers do not load the database.
_CACHE_SECONDS = 5.0
_HOST_METRICS: tuple[tuple[str, str, Callable[[Host, tuple[Host, ...]], float]], ...] = (
    (
        "theseller_host_report_age_seconds",
        "Time since a host's process reported.",
        lambda one, _all: one.age,
    ),
    (
        "theseller_host_clock_ahead_seconds",
        "How far a host's clock is ahead of the database's.",
        lambda one, _all: one.clock_ahead,
    ),
    (
        "theseller_host_disk_free_share",
        "How much of the disk of a host's state folder is free: 0 to 1.",
        lambda one, _all: one.disk_free / max(1, one.disk_size),
    ),
    (
        "theseller_host_settings_differing",
        "Settings of a host that differ from another host's.",
        lambda one, all_: len(differing_settings(one, all_)),
    ),
)


class DeploymentCollector(Collector):
    """Reads the state at a scrape, at most once in five seconds."""

    def __init__(self, read: Callable[[], DeploymentState]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._found: DeploymentState | None = None
        self._until = 0.0

    @override
    def collect(self) -> Iterable[Metric]:
        """Return all metrics; without a database only those that need none."""
        yield _gauge(
            "theseller_info", "The version that serves.", ("version",), {(__version__,): 1}
        )
        state = self._state()
        yield _single(
            "theseller_state_readable",
            "1 if the state of the deployment could be read from the database.",
            state is not None,
        )
        if state is not None:
            yield from metrics_of(state)

    def _state(self) -> DeploymentState | None:
        with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._found = self._read()
                except Exception as error:  # noqa: BLE001
                    log.error("deployment_state_unreadable", reason=type(error).__name__)
                    self._found = None
                self._until = time.monotonic() + _CACHE_SECONDS
            return self._found


def metrics_of(state: DeploymentState) -> Iterable[Metric]:
    """Return the metrics of a state."""
    yield _single("theseller_workers", "Workers with a recent heartbeat.", state.workers)
    yield from _age(
        "theseller_worker_heartbeat_age_seconds",
        "Age of the newest heartbeat of a worker.",
        state.heartbeat_age,
    )
    yield from _host_metrics(state)
    yield _gauge(
        "theseller_jobs",
        "Jobs of the queue by task and state: running, scheduled, waiting.",
        ("task", "state"),
        state.jobs,
    )
    yield _single(
        "theseller_oldest_waiting_job_seconds",
        "How long the oldest job that is due has waited.",
        state.oldest_waiting_job,
    )
    yield from _sync_metrics(state)
    yield from _mail_metrics(state)
    yield from _protection_metrics(state)


def _host_metrics(state: DeploymentState) -> Iterable[Metric]:
    # Two hosts of one name would be one series: the larger age counts.
    found = {(one.name, one.process): one for one in sorted(state.hosts, key=lambda host: host.age)}
    for name, meaning, value in _HOST_METRICS:
        yield _gauge(
            name,
            meaning,
            ("host", "process"),
            {labels: value(one, state.hosts) for labels, one in found.items()},
        )


def _sync_metrics(state: DeploymentState) -> Iterable[Metric]:
    yield _gauge(
        "theseller_streams",
        "Streams by name and outcome of the last step.",
        ("stream", "outcome"),
        state.streams,
    )
    yield _gauge(
        "theseller_stream_age_seconds",
        "The longest time since a successful step, by outcome of the last step.",
        ("outcome",),
        {(name,): value for name, value in state.stream_ages.items()},
    )
    yield _single(
        "theseller_streams_overdue",
        "Streams that were not run 15 minutes after they were due.",
        state.streams_overdue,
    )
    yield _single(
        "theseller_streams_failing",
        "Streams whose last three steps or more failed.",
        state.streams_failing,
    )
    yield _gauge(
        "theseller_rate_limits",
        "Token buckets of Amazon's rate limits: exhausted or available.",
        ("state",),
        {(name,): state.rate_limits.get(name, 0) for name in ("available", "exhausted")},
    )
    yield _gauge(
        "theseller_documents_last_day",
        "Documents stored in the last 24 hours by origin (imported, pulled) and report type.",
        ("origin", "report_type"),
        state.documents,
    )


def _mail_metrics(state: DeploymentState) -> Iterable[Metric]:
    yield _gauge(
        "theseller_mail_undelivered",
        "Mail that is retried, or ended as failed, refused or unknown in the last 24 hours.",
        ("kind", "state"),
        state.mail.numbers,
    )
    yield _single(
        "theseller_mail_retrying_seconds",
        "For how long the oldest mail that is retried has been queued.",
        state.mail.retrying_seconds,
    )


def _protection_metrics(state: DeploymentState) -> Iterable[Metric]:
    if state.backups is not None:
        yield from _age(
            "theseller_backup_age_seconds",
            "Time since the last backup that succeeded began.",
            state.backups.age,
        )
        yield from _age(
            "theseller_restore_test_age_seconds",
            "Time since the last restore test that passed.",
            state.backups.test_age,
        )
        yield _single(
            "theseller_backup_failures",
            "Attempts that failed since the last backup that succeeded.",
            state.backups.failures,
        )
        yield _single(
            "theseller_restore_test_failed",
            "1 if the last restore test failed.",
            state.backups.last_test_passed is False,
        )
    if state.state_export is not None:
        yield from _age(
            "theseller_state_export_age_seconds",
            "Time since the last export of this host's state folder.",
            state.state_export.age,
        )
    yield _gauge(
        "theseller_controls",
        "Controls of the security page by outcome.",
        ("outcome",),
        {(one.value,): state.controls.get(one.value, 0) for one in Status},
    )
    yield _single(
        "theseller_disk_free_bytes", "Free space of the state folder's disk.", state.disk_free
    )
    yield _single("theseller_disk_size_bytes", "Size of the state folder's disk.", state.disk_size)
    yield from _age(
        "theseller_tls_certificate_days",
        "Days until the TLS certificate expires; 0 if it can't be read.",
        state.certificate_days,
    )


def _gauge(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    """Return one metric; a key of `values` has a text for each label."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for texts, value in values.items():
        family.add_metric(list(texts), value)
    return family


def _single(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))


def _age(name: str, meaning: str, value: float | None) -> Iterable[Metric]:
    """Return a metric, or none: what never was has no age."""
    if value is not None:
        yield _single(name, meaning, value)
