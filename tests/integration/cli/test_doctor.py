"""`theseller doctor` on a deployment: what it says of one that works, and of each part that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.integration.deployment import Deployment, deployment

from theseller.config.concurrency_defaults import connections_of_deployment


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment() as built:
        yield built


def _found(deployed: Deployment, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    before = dict(deployed.environ)
    deployed.environ.update(variables)
    try:
        answer = deployed.theseller("doctor", "--json")
    finally:
        deployed.environ.clear()
        deployed.environ.update(before)
    assert answer.stdout, answer.stderr
    return answer.returncode, {one["what"]: one for one in json.loads(answer.stdout)}


def test_doctor_reports_a_missing_worker(deployed: Deployment) -> None:
    deployed.rows("delete from procrastinate_workers returning id")
    status, found = _found(deployed)
    assert status == 1
    # Another test of this deployment records a request that is late, and none can be deleted.
    assert {what for what, one in found.items() if one["state"] == "bad"} - {"deletions"} == {
        "worker"
    }
    assert {
        "settings",
        "secrets",
        "key store",
        "database",
        "connections",
        "schema",
        "clock",
        "queue",
    } <= {what for what, one in found.items() if one["state"] == "good"}


def test_doctor_reports_a_worker_with_a_recent_heartbeat_as_good(deployed: Deployment) -> None:
    deployed.rows("insert into procrastinate_workers (last_heartbeat) values (now()) returning id")
    assert _found(deployed)[1]["worker"]["state"] == "good"


def test_doctor_reports_a_missing_backup_and_an_old_one(deployed: Deployment) -> None:
    assert _found(deployed)[1]["last backup"]["state"] == "good"
    deployed.rows(
        "update guard.deployment set set_at = set_at - interval '2 hours' returning set_at"
    )
    found = _found(deployed)[1]["last backup"]
    assert (found["state"], found["found"][:13]) == ("bad", "there is none")
    deployed.rows(
        "insert into retention_backup (id, key_id, target, begun_at, finished_at) values"
        " (gen_random_uuid(), gen_random_uuid(), 'test', now() - interval '3 hours', now())"
        " returning id"
    )
    assert _found(deployed)[1]["last backup"]["found"] == "3 h old"
    deployed.rows("update retention_backup set begun_at = now() - interval '27 hours' returning id")
    found = _found(deployed)[1]["last backup"]
    assert (found["state"], found["found"]) == ("bad", "27 h old")
    deployed.rows("delete from retention_backup returning id")
    deployed.rows(
        "update guard.deployment set set_at = set_at + interval '2 hours' returning set_at"
    )


def test_doctor_fails_if_the_database_does_not_respond(deployed: Deployment) -> None:
    status, found = _found(deployed, DATABASE_URL="postgresql:///theseller?host=/nowhere")
    assert status == 1
    assert found["database"]["state"] == "bad"
    assert "schema" not in found
    assert found["backups"]["state"] == "not-checked"


def test_doctor_names_a_missing_secret(deployed: Deployment) -> None:
    path = deployed.state / "secrets" / "lwa-client-secret"
    content = path.read_bytes()
    path.unlink()
    try:
        _, found = _found(deployed)
    finally:
        path.touch(mode=0o600)
        path.write_bytes(content)
    assert found["secrets"]["state"] == "bad"
    assert "lwa-client-secret" in found["secrets"]["found"]


def test_doctor_reports_an_invalid_setting_and_exits_1(deployed: Deployment) -> None:
    status, found = _found(deployed, THESELLER_ROTATION_DAYS="400")
    assert status == 1
    assert "THESELLER_ROTATION_DAYS must be 1 to 90" in found["settings"]["found"]


def test_doctor_reports_a_failing_erasure_with_its_reason(
    deployed: Deployment,
) -> None:
    deployed.rows(
        "insert into retention_end_failure (subject_id, kind, failures, first_at, last_at,"
        " retry_at, reason) values (gen_random_uuid(), 'connection', 3, now() - interval '1"
        " minute', now(), now() + interval '20 seconds', 'the key service pauses') returning"
        " subject_id"
    )
    try:
        found = _found(deployed)[1]["deletions"]
    finally:
        deployed.rows("delete from retention_end_failure returning subject_id")
    assert found["state"] == "bad"
    assert "; 1 fail(s), the longest since " in found["found"]
    assert found["found"].endswith(": the key service pauses")


def test_a_request_without_a_certificate_and_too_few_connections_are_reported(
    deployed: Deployment,
) -> None:
    assert _found(deployed)[1]["deletions"]["state"] == "good"
    deployed.rows(
        "insert into governance_deletion_request (tenant_id, id, origin, connections, received_at,"
        " recorded_at, recorded_by) values (gen_random_uuid(), gen_random_uuid(), 'amazon_request',"
        " array[gen_random_uuid()], now() - interval '7 hours', now(), 'operator:olga')"
        " returning id"
    )
    found = _found(deployed)[1]["deletions"]
    assert found["state"] == "bad"
    assert found["found"].startswith("1 erasure(s) not certified 6 h after the request")
    connections = _found(deployed)[1]["connections"]
    assert connections["state"] == "good"
    assert f"take up to {connections_of_deployment()}" in connections["found"]
