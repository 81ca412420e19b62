"""Which messages the deployment accepts: signed, of their run, in time, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from django.db import connections
from django.test import Client
from tests.conftest import as_role
from tests.database import role_dsn

from theseller.audit.event_types import Tag
from theseller.controls.prober_reports.message_format import (
    REPORT_FORMAT,
    START_FORMAT,
    InvalidMessageError,
    Plan,
    Report,
    Start,
    encode_message,
    parse_message,
)
from theseller.controls.prober_reports.operations import (
    accept_report,
    add_prober,
    begin_run,
    delete_old_reports,
    is_own_address,
    remove_prober,
)
from theseller.controls.prober_reports.queries import probers
from theseller.controls.prober_reports.types import ProberRefusedError
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

NAME = f"messages-{new_id().hex[-12:]}"
KEY, OTHER_KEY = (SigningKey.from_secret(Secret(new_id().bytes * 2)) for _ in range(2))


@pytest.fixture(scope="module", autouse=True)
def _prober(database: str) -> Iterator[None]:
    with as_role("migrate"):
        add_prober(name=NAME, public_key=KEY.public_bytes, actor="process:test", at=clock.now())
    yield
    with as_role("migrate"):
        assert remove_prober(name=NAME, actor="process:test", at=clock.now())


def _start(*, key: SigningKey = KEY, name: str = NAME, at: datetime | None = None) -> Plan:
    begun = at or clock.now()
    document = Start(format=START_FORMAT, prober=name, at=begun.isoformat())
    return begin_run(parse_message(encode_message(document, key)), at=clock.now())


def _report(plan: Plan, **changes: str) -> Report:
    values = {
        "format": REPORT_FORMAT,
        "prober": NAME,
        "run": plan.run,
        "challenge": plan.challenge,
        "public_url": plan.public_url,
        "measured_at": clock.now().isoformat(),
    }
    return msgspec.convert({**values, **changes}, type=Report)


def _deliver(report: Report, *, key: SigningKey = KEY, at: datetime | None = None) -> None:
    signed = parse_message(encode_message(report, key))
    accept_report(signed, client="203.0.113.7", at=at or clock.now())


def test_signed_report_of_its_run_is_accepted_once() -> None:
    plan = _start()
    _deliver(_report(plan))
    with pytest.raises(ProberRefusedError, match="has a report already"):
        _deliver(_report(plan))
    with as_role("migrate"):
        (found,) = (one for one in probers() if one.name == NAME)
    assert found.last_report_at is not None


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (lambda: _start(key=OTHER_KEY), "No registered prober"),
        (lambda: _start(name="no-one"), "No registered prober"),
        (lambda: _start(at=clock.now() - timedelta(minutes=3)), "clocks"),
        (lambda: _start(at=clock.now() + timedelta(minutes=3)), "clocks"),
        (lambda: _deliver(_report(_start()), key=OTHER_KEY), "No registered prober"),
        (lambda: _deliver(_report(_start(), run=str(uuid4()))), "not issued to this prober"),
        (lambda: _deliver(_report(_start(), challenge="00" * 32)), "not issued to this prober"),
        (
            lambda: _deliver(_report(_start()), at=clock.now() + timedelta(minutes=16)),
            "began too long ago",
        ),
        (
            lambda: _deliver(
                _report(_start(), measured_at=(clock.now() - timedelta(minutes=3)).isoformat())
            ),
            "not that of the run",
        ),
    ],
)
def test_message_of_another_key_run_or_time_is_refused(
    refused: Callable[[], object], reason: str
) -> None:
    with pytest.raises(ProberRefusedError, match=reason):
        refused()


def test_run_of_another_prober_is_refused() -> None:
    other = f"other-{new_id().hex[-12:]}"
    with as_role("migrate"):
        add_prober(
            name=other, public_key=OTHER_KEY.public_bytes, actor="process:test", at=clock.now()
        )
    plan = _start(key=OTHER_KEY, name=other)
    with pytest.raises(ProberRefusedError, match="not issued to this prober"):
        _deliver(_report(plan))
    with as_role("migrate"):
        remove_prober(name=other, actor="process:test", at=clock.now())


def test_document_of_another_kind_is_refused() -> None:
    """A request to begin a run can't be passed off as a report."""
    start = Start(format=START_FORMAT, prober=NAME, at=clock.now().isoformat())
    with pytest.raises(InvalidMessageError):
        accept_report(
            parse_message(encode_message(start, KEY)), client="203.0.113.7", at=clock.now()
        )


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"document":"zz","signature":"00"}', b'{"document":1,"signature":2}'],
)
@pytest.mark.parametrize("path", ["/prober/runs/", "/prober/reports/"])
def test_unreadable_messages_are_answered_400(path: str, body: bytes) -> None:
    answer = Client().post(path, body, content_type="application/json", REMOTE_ADDR=_client())
    assert answer.status_code == 400
    assert "error" in json.loads(answer.content)


def test_messages_over_http_are_accepted_and_their_rate_is_limited() -> None:
    client, address = Client(enforce_csrf_checks=True), _client()

    def post(path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        answer = client.post(path, body, content_type="application/json", REMOTE_ADDR=address)
        found = json.loads(answer.content) if answer.status_code < 429 else {}
        return answer.status_code, found

    start = Start(format=START_FORMAT, prober=NAME, at=clock.now().isoformat())
    status, plan = post("/prober/runs/", encode_message(start, KEY))
    assert status == 200
    report = _report(Plan(**plan))
    assert post("/prober/reports/", encode_message(report, OTHER_KEY))[0] == 403
    assert post("/prober/reports/", encode_message(report, KEY)) == (200, {"accepted": True})
    assert post("/prober/reports/", encode_message(report, KEY))[0] == 409
    assert post("/prober/reports/", b"x" * 200_000)[0] == 400
    assert 429 in {post("/prober/runs/", b"")[0] for _ in range(45)}


def _client() -> str:
    number = new_id().int
    return f"100.{number % 60 + 64}.{number // 60 % 250}.{number // 15000 % 250}"


def test_no_serving_role_can_register_a_prober_or_change_a_report(database: str) -> None:
    for role in ("web", "worker", "auth", "operator", "retention", "probe", "pii"):
        for statement in (
            "insert into public.controls_prober values ('forged', sha256('x'), now())",
            "update public.controls_prober set public_key = sha256('x')",
            "update public.controls_prober_report set from_elsewhere = true",
            "delete from public.controls_prober_report",
        ):
            with (
                psycopg.connect(role_dsn(role, database)) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(statement.encode())


def test_registering_and_removing_are_in_the_audit_log() -> None:
    name = f"audited-{new_id().hex[-12:]}"
    with as_role("migrate"):
        add_prober(
            name=name, public_key=OTHER_KEY.public_bytes, actor="operator:eve", at=clock.now()
        )
        with pytest.raises(ProberRefusedError, match="registered already"):
            add_prober(name=name, public_key=bytes(32), actor="operator:eve", at=clock.now())
        with pytest.raises(ProberRefusedError, match="it is no name"):
            add_prober(name="No Name", public_key=bytes(32), actor="operator:eve", at=clock.now())
        assert remove_prober(name=name, actor="operator:eve", at=clock.now())
        assert not remove_prober(name=name, actor="operator:eve", at=clock.now())
    with connections["probe"].cursor() as cursor:
        cursor.execute(
            "select tag, actor from audit_event where subject = %s order by position",
            [f"prober:{name}"],
        )
        assert cursor.fetchall() == [
            (Tag.PROBER_ADDED, "operator:eve"),
            (Tag.PROBER_REMOVED, "operator:eve"),
        ]


def test_old_runs_are_deleted_with_their_reports(database: str) -> None:
    _deliver(_report(_start()))
    with as_role("worker"):
        delete_old_reports(at=clock.now() + timedelta(days=29))
        with as_role("migrate"):
            assert any(one.last_report_at for one in probers() if one.name == NAME)
        assert delete_old_reports(at=clock.now() + timedelta(days=30, seconds=1))
    with as_role("migrate"):
        assert not any(one.last_report_at for one in probers() if one.name == NAME)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("", True),
        ("203.0.113.7", False),
        ("2001:db8::7", False),
    ],
)
def test_addresses_of_this_machine_are_recognized(address: str, own: bool) -> None:  # noqa: FBT001
    assert is_own_address(address) is own
