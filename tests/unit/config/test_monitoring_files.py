"""Metrics, alert rules, dashboard and their document agree."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from theseller.config import job_metrics
from theseller.config.deployment_metrics import DeploymentCollector
from theseller.edge import request_metrics
from theseller.mail.types import UndeliveredCounts
from theseller.operators.deployment_status.types import (
    BackupState,
    DeploymentState,
    StateExportState,
)
from theseller.tenancy.host_types import Host

_ROOT = Path(__file__).resolve().parents[3]
_FILES = _ROOT / "deploy" / "monitoring"
_DOCUMENT = _ROOT / "docs" / "operate" / "monitoring.md"
_METRIC = re.compile(r"\btheseller_[a-z_]+")
_STATE = DeploymentState(
    at=datetime(2026, 11, 29, tzinfo=UTC),
    workers=1,
    heartbeat_age=2.0,
    hosts=(Host(UUID(int=1), "worker", "one", "1.0", {}, "", 0.1, 50 << 30, 100 << 30, 2.0),),
    jobs={("ingest.pull", "waiting"): 3},
    oldest_waiting_job=4.0,
    streams={("orders", "ok"): 5},
    stream_ages={"ok": 6.0},
    streams_overdue=7,
    streams_failing=8,
    rate_limits={"exhausted": 9},
    documents={("pulled", "orders"): 10},
    mail=UndeliveredCounts({("invitation", "retrying"): 1}, 2.0),
    backups=BackupState(11.0, 12, 13.0, last_test_passed=True),
    controls={"met": 14},
    disk_free=15,
    disk_size=16,
    certificate_days=17.0,
    state_export=StateExportState(18.0, 19.0),
)


def _own_metrics() -> dict[str, str]:
    """Return the type of each metric by its name, as the exposition names it."""
    found = {}
    state = list(DeploymentCollector(lambda: _STATE).collect())
    for module in (request_metrics, job_metrics):
        for one in vars(module).values():
            if isinstance(one, MetricWrapperBase):
                state += list(one.collect())
    for metric in state:
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
        for suffix in suffixes.get(metric.type, [""]):
            found[metric.name + suffix] = metric.type
    return found


def _rules() -> list[dict[str, Any]]:
    read = yaml.safe_load((_FILES / "theseller-rules.yml").read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    return list(json.loads((_FILES / "theseller-dashboard.json").read_text())["panels"])


def test_every_metric_of_the_alert_rules_and_the_dashboard_exists() -> None:
    known = set(_own_metrics())
    rules = {rule["alert"]: set(_METRIC.findall(rule["expr"])) for rule in _rules()}
    panels = {
        panel["title"]: {
            name for target in panel["targets"] for name in _METRIC.findall(target["expr"])
        }
        for panel in _panels()
    }
    assert len(rules) > 10
    assert len(panels) > 15
    unknown = {title: names - known for title, names in (rules | panels).items() if names - known}
    assert unknown == {}
    assert all(names for title, names in panels.items())


def test_every_metric_is_on_the_dashboard_or_in_an_alert_rule() -> None:
    text = "".join(path.read_text() for path in _FILES.iterdir())
    bases = {re.sub(r"_(bucket|count|sum)$", "", name) for name in _own_metrics()}
    assert {name for name in bases if name not in text} == {"theseller_info"}


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    for rule in _rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
    assert len({rule["alert"] for rule in _rules()}) == len(_rules())


def test_the_document_lists_exactly_the_metrics() -> None:
    table = re.findall(r"^\| `(theseller_[a-z_]+)", _DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(table) == sorted(
        {re.sub(r"_(bucket|count|sum)$", "", name) for name in _own_metrics()}
    )


def test_labels_are_of_a_fixed_set() -> None:
    """A label with a tenant, a person or an address would be one of another name."""
    labels = {
        label
        for metric in DeploymentCollector(lambda: _STATE).collect()
        for sample in metric.samples
        for label in sample.labels
    }
    assert labels == {
        "version", "task", "state", "stream", "outcome", "origin", "report_type", "host", "process",
        "kind",
    }  # fmt: skip
    assert REGISTRY.get_sample_value("theseller_workers") is None


def test_state_that_cannot_be_read_is_shown_as_such() -> None:
    def fail() -> DeploymentState:
        raise RuntimeError("canary")

    found = {one.name: one for one in DeploymentCollector(fail).collect()}
    assert found["theseller_state_readable"].samples[0].value == 0
    assert set(found) == {"theseller_info", "theseller_state_readable"}
