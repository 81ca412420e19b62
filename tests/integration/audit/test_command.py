"""`theseller audit` as an operator meets it."""

from __future__ import annotations

import json

import pytest
from tests.cast import NOON
from tests.database import wait_for_open_transactions
from tests.integration.audit.conftest import Superuser

from theseller.audit import checkpoint_copy_file
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.cli.commands import audit
from theseller.cli.main import main
from theseller.lib.ids import new_id


@pytest.fixture(autouse=True)
def _django_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "setup_django", lambda _role: None)


def _line() -> None:
    record(Tag.DATABASE_OPENED, actor="user:x", tenant=None, subject="session", at=NOON)
    wait_for_open_transactions()  # `audit seal` leaves out what is newer than an open one.


def test_audit_verify_reports_sealed_events_and_exits_1_if_not_intact(
    own_log: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    _line()
    assert main(["audit", "verify"]) == 0
    assert "UNSEALED: 1 newer event(s)" in capsys.readouterr().out
    assert main(["audit", "seal"]) == 0
    assert "1 event(s) sealed under 1 new checkpoint(s)" in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0
    assert (
        capsys.readouterr().out
        == "INTACT: 1 events under 1 checkpoints were compared\nA checkpoint covers every event.\n"
    )
    own_log.execute("update audit_event set actor = 'user:y'")
    assert main(["audit", "verify"]) == 1
    said = capsys.readouterr().out
    assert "CHANGED       Position 1 was changed." in said
    assert "NOT INTACT: 1 events" in said
    assert main(["audit", "verify", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["whole"], document["findings"][0]["position"]) == (False, 1)


def test_show_prints_lines_of_a_shop_since_a_moment(
    own_log: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = new_id()
    _line()
    record(
        Tag.HOLD_PLACED,
        actor="process:test",
        tenant=shop,
        subject="tenant",
        at=NOON,
        details={"n": 1},
    )
    assert main(["audit", "show", "--shop", str(shop), "--json"]) == 0
    shown = capsys.readouterr().out
    # Once nothing was printed, and it is not known why: say what the table holds.
    assert shown, own_log.execute(
        "select position, txid, tag, tenant_id from audit_event"
    ).fetchall()
    assert json.loads(shown)["details"] == {"n": 1}
    assert main(["audit", "show", "--since", "2026-11-20"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["audit", "show", "--since", "2026-11-21T00:00"]) == 0
    assert capsys.readouterr().out == ""


def test_audit_command_with_invalid_arguments_exits_2_with_advice(
    own_log: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong, advice in (
        (["audit", "show", "--shop", "7"], "support access log page"),
        (["audit", "show", "--since", "yesterday"], "2026-11-23"),
        (["audit", "record-restore"], "--reason"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2
        assert advice in capsys.readouterr().err


def test_audit_restored_prints_the_lost_lines(
    own_log: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    _line()
    main(["audit", "seal"])
    assert (
        main(["audit", "record-restore", "--reason", "the backup of Sunday, the disk failed"]) == 1
    )
    assert "nothing was lost" in capsys.readouterr().err
    own_log.execute("truncate audit_event")
    own_log.execute("truncate audit_checkpoint")
    assert (
        main(["audit", "record-restore", "--reason", "the backup of Sunday, the disk failed"]) == 0
    )
    assert main(["audit", "verify"]) == 0
    assert "1 line(s) under checkpoints 1 to 1 were lost" in capsys.readouterr().out


def test_a_forged_checkpoint_stops_sealing_with_a_message(
    own_log: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    own_log.execute("insert into audit_checkpoint values (1, 'not ours', '')")
    _line()
    assert main(["audit", "seal"]) == 1
    assert "The newest checkpoint in the database" in capsys.readouterr().err
    assert not checkpoint_copy_file.copy_path().exists()
