"""Several machines seal the log of one database.

Each has a copy of the checkpoints, and each copy is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from tests.cast import NOON
from tests.integration.audit.conftest import Superuser
from tests.integration.audit.test_checkpointing import FORGER, RESTORED, _write, seal

from theseller.audit import checkpoint_copy_file, signed_checkpoint_document
from theseller.audit.checkpoint_copy_shortfalls import accept_copies, record_copy_length
from theseller.audit.checkpointing import rotate_signing_key, seal_due
from theseller.audit.log_verification import complete_and_verify
from theseller.audit.restore_marker import accept_restoration
from theseller.audit.signing_keys import OWNER, signing_key, signing_records
from theseller.audit.types import (
    CopyAcceptanceRefusedError,
    CopyConflictError,
    Fault,
    LogBehindError,
)
from theseller.crypto.key_types import Purpose

On = Callable[[str], None]
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def on(own_log: Superuser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> On:
    """Switch to a machine: another state folder with the same database and key store.

    The database knows the copies of all but `c`.
    """

    def go(machine: str) -> None:
        known = (tmp_path / machine).exists() or machine == "c"
        (tmp_path / machine).mkdir(exist_ok=True)
        monkeypatch.setattr(
            settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, state=tmp_path / machine)
        )
        if not known:
            record_copy_length(0, at=NOON)

    return go


def _seal_by_turns(on: On, machines: str) -> None:
    for machine in machines:
        on(machine)
        _write(2)
        seal(at=NOON)


def test_each_machine_completes_its_copy_before_it_seals_or_verifies(on: On) -> None:
    _seal_by_turns(on, "ababbbaab")
    copies = []
    for machine in "ab":
        on(machine)
        verdict = complete_and_verify(at=LATER)
        assert (verdict.findings, verdict.checkpoints, verdict.unsealed) == ((), 9, 0)
        copies.append(checkpoint_copy_file.copy_path().read_bytes())
    on("c")  # It has never sealed: the database can't know whether it is new, or lost what it had.
    verdict = complete_and_verify(at=LATER)
    assert ([one.fault for one in verdict.findings], verdict.checkpoints, verdict.unsealed) == (
        [Fault.COPY],
        9,
        1,
    )
    copies.append(checkpoint_copy_file.copy_path().read_bytes())
    assert copies[0] == copies[1] == copies[2]


def test_the_job_completes_the_copy_when_there_is_nothing_to_seal(on: On) -> None:
    _seal_by_turns(on, "abbb")
    on("a")
    assert seal_due(at=NOON + timedelta(minutes=1)) == ()
    assert sum(1 for _ in checkpoint_copy_file.entries()) == 4


def test_audit_copy_continues_after_key_rotation_and_restore(on: On, own_log: Superuser) -> None:
    _seal_by_turns(on, "aabb")
    settings.KEY_STORE.create(Purpose.AUDIT, OWNER)
    old, new = signing_records()
    rotate_signing_key(signing_key(new), at=NOON)
    settings.KEY_STORE.destroy(old.id)
    own_log.execute("delete from audit_checkpoint where number > 3")
    own_log.execute("delete from audit_event where position > 6")
    with pytest.raises(LogBehindError):
        seal(at=NOON)
    accept_restoration(reason=RESTORED, actor="operator:x", at=NOON)
    _seal_by_turns(on, "b")
    for machine in "ab":
        on(machine)
        verdict = complete_and_verify(at=LATER)
        assert (verdict.findings, verdict.checkpoints, len(verdict.lost)) == ((), 7, 1)


def _sign_by_another_key(superuser: Superuser) -> None:
    row = superuser.execute(
        "select document, leaves from audit_checkpoint where number = 3"
    ).fetchone()
    assert row is not None
    original = signed_checkpoint_document.read(bytes(row[0]))  # type: ignore[call-overload]
    leaves = bytes(row[1])  # type: ignore[call-overload]
    before = superuser.execute("select document from audit_checkpoint where number = 2").fetchone()
    assert before is not None
    head = signed_checkpoint_document.read(bytes(before[0]))  # type: ignore[call-overload]
    forged = signed_checkpoint_document.sign(
        head, leaves, until=original.until, key=FORGER, environment="test", at=NOON
    )
    superuser.execute(
        "update audit_checkpoint set document = %s where number = 3", [forged.document]
    )


def _change_leaves(superuser: Superuser) -> None:
    superuser.execute(
        "update audit_checkpoint set leaves = overlay(leaves placing '\\xffff'::bytea from 10)"
        " where number = 3"
    )


def _change_a_document(superuser: Superuser) -> None:
    superuser.execute(
        "update audit_checkpoint set document = convert_to(replace(convert_from(document, 'UTF8'),"
        " '\"rows\":2', '\"rows\":3'), 'UTF8') where number = 3"
    )


def _remove_between(superuser: Superuser) -> None:
    superuser.execute("delete from audit_checkpoint where number = 3")


def _replace_all(superuser: Superuser) -> None:
    superuser.execute("truncate audit_checkpoint")
    head = None
    for _ in range(4):
        head = signed_checkpoint_document.sign(
            head, b"\x00" * 80, until=(9_000, 99), key=FORGER, environment="test", at=NOON
        )
        superuser.execute(
            "insert into audit_checkpoint values (%s, %s, %s)",
            [head.number, head.document, b"\x00" * 80],
        )


@pytest.mark.parametrize("machine", ["a", "c"], ids=["a-copy-that-is-behind", "a-new-machine"])
@pytest.mark.parametrize(
    "attack",
    [_sign_by_another_key, _change_leaves, _change_a_document, _remove_between, _replace_all],
    ids=lambda one: one.__name__.strip("_"),
)
def test_checkpoint_that_breaks_the_chain_is_reported_and_not_copied(
    attack: Callable[[Superuser], None], machine: str, on: On, own_log: Superuser
) -> None:
    """Who reaches the database alone can't make a copy repeat what they wrote there."""
    _seal_by_turns(on, "abbb")
    attack(own_log)
    on(machine)
    before = checkpoint_copy_file.copy_path().read_bytes() if machine == "a" else None
    for _ in range(2):
        assert Fault.CHECKPOINT in {one.fault for one in complete_and_verify(at=LATER).findings}
    _write(1)
    with pytest.raises(CopyConflictError, match="does not continue"):
        seal(at=LATER)
    assert (
        checkpoint_copy_file.copy_path().read_bytes()
        if checkpoint_copy_file.copy_path().exists()
        else None
    ) == before


def test_a_database_behind_a_copy_is_named_by_each_machine_that_knew_more(
    on: On, own_log: Superuser
) -> None:
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
    content = checkpoint_copy_file.copy_path().read_bytes()
    for broken in (
        content.replace(b'"rows":2', b'"rows":3'),
        content[:-5] + b"AAAA\n",
        content + b"other\n",
    ):
        checkpoint_copy_file.copy_path().write_bytes(broken)
        assert not complete_and_verify(at=LATER).whole
        assert checkpoint_copy_file.copy_path().read_bytes().startswith(broken)


def _cut(lines: int) -> None:
    kept = checkpoint_copy_file.copy_path().read_bytes().splitlines(keepends=True)[:lines]
    checkpoint_copy_file.copy_path().write_bytes(b"".join(kept))


def _cut_without_identity() -> None:
    _cut(2)
    checkpoint_copy_file.identity_path().unlink()


def _remove_folder() -> None:
    shutil.rmtree(checkpoint_copy_file.copy_path().parent)


@pytest.mark.parametrize(
    ("attack", "had"),
    [
        (lambda: checkpoint_copy_file.copy_path().unlink(), 0),
        (lambda: _cut(0), 0),
        (lambda: _cut(3), 3),
        (_remove_folder, 0),
        (_cut_without_identity, 2),
    ],
    ids=["removed", "emptied", "cut", "with-its-folder", "cut-and-its-id-removed"],
)
def test_removed_or_truncated_audit_copy_is_reported_until_an_operator_accepts_it(
    attack: Callable[[], object], had: int, on: On
) -> None:
    _seal_by_turns(on, "abab")
    on("a")
    assert complete_and_verify(at=LATER).whole
    attack()
    on("b")
    assert complete_and_verify(at=LATER).whole, "each machine looks at its own copy"
    on("a")
    says = f"had {had} of 4 checkpoints, and was filled again"
    for _ in range(2):  # filled by the first; the second finds the line of the log
        (found,) = complete_and_verify(at=LATER).findings
        assert (found.fault, says in found.message) == (Fault.COPY, True), found.message
    assert sum(1 for _ in checkpoint_copy_file.entries()) == 4
    assert seal(at=LATER), "the line is sealed like each other"
    on("b")
    assert says in complete_and_verify(at=LATER).findings[0].message, "every machine says it"
    with pytest.raises(CopyAcceptanceRefusedError, match="20 to 300"):
        accept_copies(reason="new", actor="operator:x", at=LATER)
    assert (
        accept_copies(reason="the disk of this machine was replaced", actor="operator:x", at=LATER)
        == 1
    )
    for machine in "ab":
        on(machine)
        seal(at=LATER)
        assert complete_and_verify(at=LATER).whole
    with pytest.raises(CopyAcceptanceRefusedError, match="no copy"):
        accept_copies(reason="the disk of this machine was replaced", actor="operator:x", at=LATER)
    on("a")
    attack()
    assert not complete_and_verify(at=LATER).whole, (
        "what was accepted is not accepted for the next time"
    )


def test_a_copy_from_before_copies_were_known_is_taken_as_it_is_if_it_lacks_nothing(
    on: On, own_log: Superuser
) -> None:
    _seal_by_turns(on, "aab")
    own_log.execute("truncate audit_copy")
    for machine in "ab":
        on(machine)
        checkpoint_copy_file.identity_path().unlink()
    assert complete_and_verify(at=LATER).whole
    own_log.execute("truncate audit_copy")
    on("a")
    assert [one.fault for one in complete_and_verify(at=LATER).findings] == [Fault.COPY], (
        "it lacks one, and no one knows whether it had it"
    )
