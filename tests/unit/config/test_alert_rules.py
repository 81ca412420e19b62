"""Each alert rule fires on its own series and not before, as Prometheus itself evaluates it.

`promtool` of `bin/promtool` reads the rules, the expressions of the dashboard and the cases below.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).resolve().parents[3]
_RULES = _ROOT / "deploy" / "monitoring" / "theseller-rules.yml"
_DASHBOARD = _ROOT / "deploy" / "monitoring" / "theseller-dashboard.json"
_HOST = '{host="one", process="worker"}'
_WEB = '{status="200", pattern="products/", method="GET"}'
_FAILED = '{status="500", pattern="products/", method="GET"}'


@dataclass(frozen=True, slots=True)
class _Case:
    """Series of which an alert fires at `at`, and not yet at `before`.

    Series are in promtool's notation, with a value each minute: ``0x5 1x10`` is six times 0, then
    eleven times 1.
    """

    alert: str
    series: dict[str, str]
    summary: str
    before: str
    at: str
    labels: dict[str, str] = field(default_factory=dict)


_CASES = (
    _Case(
        "TheSellerWebDown",
        {'up{job="theseller-web", instance="a:9464"}': "1x5 0x10"},
        "The web process of a:9464 does not answer.",
        "6m",
        "7m",
        {"job": "theseller-web", "instance": "a:9464"},
    ),
    _Case(
        "TheSellerStateUnreadable",
        {"theseller_state_readable": "1x5 0x10"},
        "The state of the deployment can't be read from the database.",
        "6m",
        "7m",
    ),
    _Case(
        "TheSellerWorkerMissing",
        {"theseller_workers": "1x5 0x10"},
        "No worker has written a heartbeat for 30 seconds.",
        "5m",
        "6m",
    ),
    _Case(
        "TheSellerHostSilent",
        {f"theseller_host_report_age_seconds{_HOST}": "30x5 31x10"},
        "The worker of host one has not reported for 30 seconds.",
        "5m",
        "6m",
        {"host": "one", "process": "worker"},
    ),
    _Case(
        "TheSellerHostClockWrong",
        {f"theseller_host_clock_ahead_seconds{_HOST}": "-5x5 -6x10"},
        "The clock of host one differs from the database's by 6 seconds.",
        "5m",
        "6m",
        {"host": "one"},
    ),
    _Case(
        "TheSellerHostDiskFull",
        {f"theseller_host_disk_free_share{_HOST}": "0.1x5 0.09x10"},
        "Less than a tenth of the disk of host one is free.",
        "10m",
        "11m",
        {"host": "one"},
    ),
    _Case(
        "TheSellerHostsDiffer",
        {f"theseller_host_settings_differing{_HOST}": "0x5 1x20"},
        "Settings of host one differ from another host's.",
        "20m",
        "21m",
        {"host": "one", "process": "worker"},
    ),
    _Case(
        "TheSellerQueueStuck",
        {"theseller_oldest_waiting_job_seconds": "600x5 660x10"},
        "A job has waited for 11m 0s.",
        "10m",
        "11m",
    ),
    _Case(
        "TheSellerJobsFail",
        {'theseller_jobs_run_total{task="ingest.pull", outcome="failed"}': "0x15 0+2x15"},
        "The job ingest.pull failed 12 times in 15 minutes.",
        "21m",
        "22m",
        {"task": "ingest.pull"},
    ),
    _Case(
        "TheSellerPagesFail",
        {
            f"theseller_http_requests_total{_WEB}": "0+90x30",
            f"theseller_http_requests_total{_FAILED}": "0x10 0+10x20",
        },
        "10% of the requests are answered with an error.",
        "12m",
        "20m",
    ),
    _Case(
        "TheSellerPagesSlow",
        {
            'theseller_http_request_seconds_bucket{le="2.5"}': "0+90x40",
            'theseller_http_request_seconds_bucket{le="5"}': "0+100x40",
            'theseller_http_request_seconds_bucket{le="+Inf"}': "0+100x40",
        },
        "Five percent of the requests take longer than 3.75s.",
        "10m",
        "20m",
    ),
    _Case(
        "TheSellerPoolWaits",
        {'theseller_database_pool_waiting_requests{database_role="theseller_web"}': "0x5 1x10"},
        "Requests wait for a database connection of the role theseller_web.",
        "7m",
        "8m",
        {"database_role": "theseller_web"},
    ),
    _Case(
        "TheSellerStreamsOverdue",
        {"theseller_streams_overdue": "0x5 3x20"},
        "3 streams were not run when they were due.",
        "20m",
        "21m",
    ),
    _Case(
        "TheSellerStreamsFail",
        {
            'theseller_streams{stream="orders", outcome="ok"}': "9x60",
            'theseller_streams{stream="orders", outcome="fault"}': "0x5 2x50",
        },
        "2 streams stopped with fault, which only an operator can mend.",
        "35m",
        "36m",
        {"outcome": "fault"},
    ),
    _Case(
        "TheSellerMailRetried",
        {"theseller_mail_retrying_seconds": "1800x5 1860x10"},
        "Mail has been retried for 31m 0s.",
        "5m",
        "6m",
    ),
    _Case(
        "TheSellerMailUndelivered",
        {
            'theseller_mail_undelivered{kind="security_notice", state="failed"}': "0x5 2x10",
            'theseller_mail_undelivered{kind="operator_alert", state="unknown"}': "0x5 1x10",
            'theseller_mail_undelivered{kind="operator_alert", state="retrying"}': "7x15",
            'theseller_mail_undelivered{kind="password_reset", state="refused"}': "7x15",
            'theseller_mail_undelivered{kind="invitation", state="failed"}': "7x15",
            'theseller_mail_undelivered{kind="sign_up", state="failed"}': "7x15",
            'theseller_mail_undelivered{kind="test", state="failed"}': "7x15",
        },
        "3 messages to accounts failed in the last 24 hours.",
        "5m",
        "6m",
    ),
    _Case(
        "TheSellerBackupOld",
        {"theseller_backup_age_seconds": "93600x5 97200x20"},
        "The last backup is 1d 3h 0m 0s old.",
        "15m",
        "16m",
    ),
    _Case(
        "TheSellerBackupFails",
        {"theseller_backup_failures": "2x5 3x10", "theseller_restore_test_failed": "0x15"},
        "Backups or their restore tests fail.",
        "5m",
        "6m",
    ),
    _Case(
        "TheSellerStateExportOld",
        {"theseller_state_export_age_seconds": "604800x5 608400x10"},
        "The last export of the state folder is 7d 1h 0m 0s old.",
        "5m",
        "6m",
    ),
    _Case(
        "TheSellerRestoreTestOld",
        {"theseller_restore_test_age_seconds": "180000x5 183600x20"},
        "No restore test has passed for 2d 3h 0m 0s.",
        "15m",
        "16m",
    ),
    _Case(
        "TheSellerControlBroken",
        {'theseller_controls{outcome="broken"}': "0x5 1x10"},
        "1 controls of the security page are broken.",
        "10m",
        "11m",
        {"outcome": "broken"},
    ),
    _Case(
        "TheSellerControlStale",
        {'theseller_controls{outcome="stale"}': "0x5 2x70"},
        "2 controls have old evidence.",
        "65m",
        "66m",
        {"outcome": "stale"},
    ),
    _Case(
        "TheSellerDiskFull",
        {"theseller_disk_free_bytes": "10x5 9x10", "theseller_disk_size_bytes": "100x15"},
        "9% of the disk of the state folder is free.",
        "10m",
        "11m",
    ),
    _Case(
        "TheSellerCertificateExpires",
        {"theseller_tls_certificate_days": "14x5 13x10"},
        "The TLS certificate expires in 13 days.",
        "5m",
        "6m",
    ),
)


def _rules() -> dict[str, dict[str, Any]]:
    read = yaml.safe_load(_RULES.read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in read["groups"] for rule in group["rules"]}


def _test(case: _Case, rule: dict[str, Any]) -> dict[str, Any]:
    """Return a case as promtool reads it."""
    annotations = rule["annotations"] | {"summary": case.summary}
    fires = {"exp_labels": case.labels | rule["labels"], "exp_annotations": annotations}
    return {
        "name": case.alert,
        "interval": "1m",
        "input_series": [{"series": name, "values": all_} for name, all_ in case.series.items()],
        "alert_rule_test": [
            {"eval_time": case.before, "alertname": case.alert, "exp_alerts": []},
            {"eval_time": case.at, "alertname": case.alert, "exp_alerts": [fires]},
        ],
    }


def _promtool(*arguments: str) -> str:
    program = subprocess.run(
        [_ROOT / "bin" / "promtool"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    done = subprocess.run(
        [program, *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_each_alert_rule_has_a_case() -> None:
    assert [case.alert for case in _CASES] == list(_rules())


@pytest.mark.exhaustive
def test_each_alert_fires_on_its_series_and_not_before(tmp_path: Path) -> None:
    rules = _rules()
    tests = [_test(case, rules[case.alert]) for case in _CASES]
    document = {"rule_files": [str(_RULES)], "evaluation_interval": "1m", "tests": tests}
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert "SUCCESS" in _promtool("test", "rules", str(path))


@pytest.mark.exhaustive
def test_prometheus_accepts_the_rules_and_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    assert f"{len(_rules())} rules found" in _promtool("check", "rules", str(_RULES))
    expressions = [
        target["expr"]
        for panel in json.loads(_DASHBOARD.read_text(encoding="utf-8"))["panels"]
        for target in panel["targets"]
    ]
    assert len(expressions) > 20
    records = [
        {"record": f"dashboard:expression{number}", "expr": one}
        for number, one in enumerate(expressions)
    ]
    path = tmp_path / "dashboard.yml"
    path.write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}), encoding="utf-8"
    )
    assert f"{len(expressions)} rules found" in _promtool("check", "rules", str(path))
