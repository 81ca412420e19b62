"""Several machines seal the log of one database: each has a copy of the checkpoints, and each copy is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from tests.cast import NOON
from tests.integration.audit.conftest import Superuser
from tests.integration.audit.test_sealing import FORGER, RESTORED, _write, seal

from theseller.audit import documents, outside
from theseller.audit.keys import OWNER, signing_key, signing_records
from theseller.audit.restoring import accept_restoration
from theseller.audit.sealing import hand_over, seal_due
from theseller.audit.types import CopyConflictError, Fault, LogBehindError
from theseller.audit.verification import complete_and_verify
from theseller.crypto.keys import Purpose

On = Callable[[str], None]
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def on(own_log: Superuser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> On:
    """Go to a machine: another state folder with the same database and key store."""

    def go(machine: str) -> None:
        (tmp_path / machine).mkdir(exist_ok=True)
        monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, state=tmp_path / machine))

    return go


def _seal_by_turns(on: On, machines: str) -> None:
    for machine in machines:
        on(machine)
        _write(2)
        seal(at=NOON)


def test_each_machine_completes_its_copy_before_it_seals_or_verifies(on: On) -> None:
    _seal_by_turns(on, "ababbbaab")
    copies = []
    for machine in "abc":  # c has never sealed
        on(machine)
        verdict = complete_and_verify(at=LATER)
        assert (verdict.findings, verdict.checkpoints, verdict.unsealed) == ((), 9, 0)
        copies.append(outside.copy_path().read_bytes())
    assert copies[0] == copies[1] == copies[2]


def test_the_job_completes_the_copy_when_there_is_nothing_to_seal(on: On) -> None:
    _seal_by_turns(on, "abbb")
    on("a")
    assert seal_due(at=NOON + timedelta(minutes=1)) == ()
    assert sum(1 for _ in outside.entries()) == 4


def test_a_copy_goes_on_over_a_replaced_key_and_over_a_restoration(on: On, own_log: Superuser) -> None:
    _seal_by_turns(on, "aabb")
    settings.KEY_STORE.create(Purpose.AUDIT, OWNER)
    old, new = signing_records()
    hand_over(signing_key(new), at=NOON)
    settings.KEY_STORE.destroy(old.id)
    own_log.execute("delete from audit_checkpoint where number > 3")
    own_log.execute("delete from audit_event where position > 6")
    with pytest.raises(LogBehindError):
        seal(at=NOON)
    accept_restoration(reason=RESTORED, actor="operator:x", at=NOON)
    _seal_by_turns(on, "b")
    for machine in "abc":
        on(machine)
        verdict = complete_and_verify(at=LATER)
        assert (verdict.findings, verdict.checkpoints, len(verdict.lost)) == ((), 7, 1)


def _sign_by_another_key(superuser: Superuser) -> None:
    row = superuser.execute("select document, leaves from audit_checkpoint where number = 3").fetchone()
    assert row is not None
    honest, leaves = documents.read(bytes(row[0])), bytes(row[1])  # type: ignore[call-overload]
    before = superuser.execute("select document from audit_checkpoint where number = 2").fetchone()
    assert before is not None
    head = documents.read(bytes(before[0]))  # type: ignore[call-overload]
    forged = documents.sign(head, leaves, until=honest.until, key=FORGER, environment="test", at=NOON)
    superuser.execute("update audit_checkpoint set document = %s where number = 3", [forged.document])


def _change_leaves(superuser: Superuser) -> None:
    superuser.execute("update audit_checkpoint set leaves = overlay(leaves placing '\\xffff'::bytea from 10) where number = 3")


def _change_a_document(superuser: Superuser) -> None:
    superuser.execute(
        "update audit_checkpoint set document = convert_to(replace(convert_from(document, 'UTF8'), '\"rows\":2', '\"rows\":3'), 'UTF8')"
        " where number = 3"
    )


def _remove_between(superuser: Superuser) -> None:
    superuser.execute("delete from audit_checkpoint where number = 3")


def _replace_all(superuser: Superuser) -> None:
    superuser.execute("truncate audit_checkpoint")
    head = None
    for _ in range(4):
        head = documents.sign(head, b"\x00" * 80, until=(9_000, 99), key=FORGER, environment="test", at=NOON)
        superuser.execute("insert into audit_checkpoint values (%s, %s, %s)", [head.number, head.document, b"\x00" * 80])


@pytest.mark.parametrize("machine", ["a", "c"], ids=["a-copy-that-is-behind", "a-new-machine"])
@pytest.mark.parametrize(
    "attack",
    [_sign_by_another_key, _change_leaves, _change_a_document, _remove_between, _replace_all],
    ids=lambda one: one.__name__.strip("_"),
)
def test_what_does_not_continue_the_chain_is_not_copied_but_named(
    attack: Callable[[Superuser], None], machine: str, on: On, own_log: Superuser
) -> None:
    """Who reaches the database alone can't make a copy repeat what they wrote there."""
    _seal_by_turns(on, "abbb")
    attack(own_log)
    on(machine)
    before = outside.copy_path().read_bytes() if machine == "a" else None
    for _ in range(2):
        assert Fault.CHECKPOINT in {one.fault for one in complete_and_verify(at=LATER).findings}
    _write(1)
    with pytest.raises(CopyConflictError, match="does not continue"):
        seal(at=LATER)
    assert (outside.copy_path().read_bytes() if outside.copy_path().exists() else None) == before


def test_a_database_behind_a_copy_is_named_by_each_machine_that_knew_more(on: On, own_log: Superuser) -> None:
    _seal_by_turns(on, "abb")
    on("a")
    assert complete_and_verify(at=LATER).whole
    own_log.execute("delete from audit_checkpoint where number = 3")
    for machine in "ab":
        on(machine)
        assert Fault.CHECKPOINT in {one.fault for one in complete_and_verify(at=LATER).findings}
        with pytest.raises(LogBehindError):
            seal(at=LATER)


def test_a_copy_that_differs_from_the_database_is_not_mended(on: On) -> None:
    _seal_by_turns(on, "abbb")
    on("a")
    content = outside.copy_path().read_bytes()
    for broken in (content.replace(b'"rows":2', b'"rows":3'), content[:-5] + b"AAAA\n", content + b"other\n"):
        outside.copy_path().write_bytes(broken)
        assert not complete_and_verify(at=LATER).whole
        assert outside.copy_path().read_bytes().startswith(broken)
