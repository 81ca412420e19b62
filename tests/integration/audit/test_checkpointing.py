"""Any change that a database owner makes to a sealed log is found, and named by its position."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from tests.cast import NOON
from tests.database import role_dsn, wait_for_open_transactions
from tests.integration.audit.conftest import Superuser

from theseller.audit import checkpoint_copy_file, checkpointing, signed_checkpoint_document
from theseller.audit.checkpointing import checkpoint_lock, rotate_signing_key, seal_due
from theseller.audit.command_line_action_file import (
    import_command_line_actions,
    record_command_line_action,
)
from theseller.audit.event_types import Tag
from theseller.audit.log_verification import verify_log
from theseller.audit.operations import record
from theseller.audit.queries import events
from theseller.audit.restore_marker import accept_restoration
from theseller.audit.signing_keys import OWNER, signing_key, signing_records
from theseller.audit.types import (
    Checkpoint,
    Fault,
    LogBehindError,
    RestorationRefusedError,
    SealingBusyError,
    Verdict,
)
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.key_types import Purpose
from theseller.key_rotation.operations import rotate
from theseller.key_rotation.secret_inventory import inventory
from theseller.key_rotation.types import RotationContext, RotationReason
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

LATER = NOON + timedelta(hours=1)
RESTORED = "the disk failed on Monday; restored the backup of Sunday"
FORGER = SigningKey.from_secret(Secret(b"f" * 32))


def _write(count: int) -> None:
    for number in range(count):
        record(
            Tag.DATABASE_OPENED,
            actor="user:x",
            tenant=None,
            subject="session",
            at=NOON,
            details={"n": number},
        )


def seal(*, at: datetime) -> tuple[Checkpoint, ...]:
    """Seal once every line can be."""
    wait_for_open_transactions()
    return checkpointing.seal(at=at)


def _found(verdict: Verdict) -> set[tuple[Fault, int | None]]:
    return {(one.fault, one.position) for one in verdict.findings}


def _positions(superuser: Superuser) -> list[int]:
    return [
        int(str(row[0]))
        for row in superuser.execute("select position from audit_event order by 1").fetchall()
    ]


def test_verify_log_counts_sealed_and_unsealed_events(own_log: Superuser) -> None:
    _write(5)
    before = verify_log(at=NOON)
    assert (before.whole, before.checkpoints, before.unsealed, before.oldest_unsealed_at) == (
        True,
        0,
        5,
        NOON,
    )
    (first,) = seal(at=NOON)
    assert (first.number, first.rows, first.rows_total) == (1, 5, 5)
    assert seal(at=LATER) == ()
    _write(2)
    verdict = verify_log(at=LATER)
    assert (verdict.whole, verdict.rows_checked, verdict.unsealed, verdict.oldest_unsealed_at) == (
        True,
        5,
        2,
        NOON,
    )
    (second,) = seal(at=LATER)
    assert (second.number, second.previous, second.rows_total) == (
        2,
        signed_checkpoint_document.digest_of(first.document),
        7,
    )
    assert verify_log(at=LATER).unsealed == 0
    assert checkpoint_copy_file.copy_path().stat().st_mode & 0o777 == 0o600


def test_the_job_seals_at_once_the_first_time_then_every_five_minutes_or_when_much_waits(
    own_log: Superuser,
) -> None:
    _write(1)
    wait_for_open_transactions()
    assert len(seal_due(at=NOON)) == 1
    _write(1)
    wait_for_open_transactions()
    assert seal_due(at=NOON + timedelta(minutes=4)) == ()
    assert len(seal_due(at=NOON + timedelta(minutes=5))) == 1
    own_log.execute("set session_replication_role = origin")
    own_log.execute(
        "insert into audit_event (id, at, tag, actor, subject) select gen_random_uuid(), now(),"
        " 'a:b:c', 'user:x', 's' from generate_series(1, 1000)"
    )
    wait_for_open_transactions()
    assert [one.rows for one in seal_due(at=NOON + timedelta(minutes=6))] == [1000]


def test_audit_key_rotation_keeps_the_log_intact(own_log: Superuser) -> None:
    _write(1)
    seal(at=clock.now())
    before = signing_records()
    context = RotationContext(clock.now, lambda _: None)
    (rotated,) = rotate(
        ("audit-key",), reason=RotationReason.MANUAL, actor="operator:x", context=context
    )
    assert rotated.finished
    after = signing_records()
    assert len(after) == 1
    assert after != before
    seal(at=clock.now())
    verdict = verify_log(at=clock.now())
    assert (verdict.whole, verdict.checkpoints) == (True, 3)
    assert "audit-key" in {one.name for one in inventory(at=clock.now())}
    assert not [one.name for one in inventory(at=clock.now()) if one.name.startswith("data-key:")]


Tamper = Callable[[Superuser, list[int]], set[tuple[Fault, int | None]]]


def _change(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute(
        "update audit_event set actor = 'user:another-user' where position = %s", [at[3]]
    )
    return {(Fault.CHANGED, at[3])}


def _change_time(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute("update audit_event set at = 'infinity' where position = %s", [at[0]])
    return {(Fault.CHANGED, at[0])}


def _change_details(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute(
        """update audit_event set details = '{"n": "1"}' where position = %s""", [at[1]]
    )
    return {(Fault.CHANGED, at[1])}


def _change_transaction(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute("update audit_event set txid = 2::bigint ^ 40 where position = %s", [at[9]])
    return {(Fault.CHANGED, at[9]), (Fault.ADDED, at[9])}


def _delete(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute("delete from audit_event where position = any(%s)", [[at[2], at[7]]])
    return {(Fault.MISSING, at[2]), (Fault.MISSING, at[7])}


def _insert(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute(
        "insert into audit_event (position, txid, id, at, tag, actor, subject) select 1000000,"
        " txid, gen_random_uuid(), at, tag, actor, subject from audit_event where position = %s",
        [at[2]],
    )
    return {(Fault.ADDED, 1_000_000)}


def _swap(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    for old, new in ((at[1], -1), (at[2], at[1]), (-1, at[2])):
        superuser.execute("update audit_event set position = %s where position = %s", [new, old])
    return {(Fault.OUT_OF_ORDER, at[1]), (Fault.OUT_OF_ORDER, at[2])}


def _cut_the_tail(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute("delete from audit_event where position >= %s", [at[8]])
    return {(Fault.MISSING, position) for position in at[8:]}


def _empty(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    superuser.execute("truncate audit_event")
    return {(Fault.MISSING, position) for position in at}


def _delete_a_checkpoint(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    del at
    superuser.execute("delete from audit_checkpoint where number = 1")
    return {(Fault.CHECKPOINT, None)}


def _change_line_and_leaves(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    """Change a line and its digests: the signature over them and the copy name the line."""
    superuser.execute("update audit_event set subject = 'nothing' where position = %s", [at[4]])
    superuser.execute(
        "update audit_checkpoint set leaves = overlay(leaves placing '\\xffff'::bytea from 10)"
        " where number = 1"
    )
    return {(Fault.CHECKPOINT, None), (Fault.CHANGED, at[4])}


def _replace_everything_in_the_database(
    superuser: Superuser, at: list[int]
) -> set[tuple[Fault, int | None]]:
    """A new log with new checkpoints, well-formed and signed by a key of the forger's."""
    superuser.execute("update audit_event set actor = 'user:unknown' where position = %s", [at[0]])
    head = None
    leaves = b"\x00" * 40 * 6
    superuser.execute("truncate audit_checkpoint")
    for _ in range(2):
        head = signed_checkpoint_document.sign(
            head, leaves, until=(9_000, at[-1]), key=FORGER, environment="test", at=NOON
        )
        superuser.execute(
            "insert into audit_checkpoint values (%s, %s, %s)", [head.number, head.document, leaves]
        )
    return {(Fault.CHECKPOINT, None), (Fault.CHANGED, at[0])}


def _roll_back(superuser: Superuser, at: list[int]) -> set[tuple[Fault, int | None]]:
    """An older copy of both tables, exactly as it was."""
    superuser.execute("delete from audit_event where position >= %s", [at[6]])
    superuser.execute("delete from audit_checkpoint where number = 2")
    return {(Fault.CHECKPOINT, None), *((Fault.MISSING, position) for position in at[6:])}


def _add_to_the_end_by_an_impossible_transaction(
    superuser: Superuser, at: list[int]
) -> set[tuple[Fault, int | None]]:
    superuser.execute(
        "insert into audit_event (position, txid, id, at, tag, actor, subject) select 2000000,"
        " 2::bigint ^ 40, gen_random_uuid(), at, tag, actor, subject from audit_event where"
        " position = %s",
        [at[2]],
    )
    return {(Fault.ADDED, 2_000_000)}


TAMPERINGS: list[Tamper] = [
    _change, _change_time, _change_details, _change_transaction, _delete, _insert, _swap,
    _cut_the_tail, _empty, _delete_a_checkpoint, _change_line_and_leaves,
    _replace_everything_in_the_database, _roll_back, _add_to_the_end_by_an_impossible_transaction,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__.strip("_"))
def test_tampering_is_found_and_named(tamper: Tamper, own_log: Superuser) -> None:
    _write(6)
    seal(at=NOON)
    _write(6)
    seal(at=LATER)
    assert verify_log(at=LATER).whole
    expected = tamper(own_log, _positions(own_log))
    assert _found(verify_log(at=LATER)) == expected


def test_a_copy_that_is_missing_or_changed_is_found(own_log: Superuser) -> None:
    _write(2)
    seal(at=NOON)
    path, late = checkpoint_copy_file.copy_path(), NOON + timedelta(minutes=11)
    content = path.read_bytes()
    for broken in (b"", content.replace(b'"rows":2', b'"rows":3'), content[:-5] + b"AAAA\n"):
        path.write_bytes(broken)
        assert {one.fault for one in verify_log(at=late).findings} & {
            Fault.COPY,
            Fault.CHECKPOINT,
        }, broken
    path.write_bytes(content)
    path.chmod(0o640)
    assert [one.message for one in verify_log(at=late).findings] == [
        "The copy outside the database is open to other users of the machine: chmod 600."
    ]
    path.unlink()
    assert {one.fault for one in verify_log(at=late).findings} == {Fault.COPY}
    path.touch(mode=0o600)
    path.write_bytes(content + content)
    assert {one.fault for one in verify_log(at=late).findings} == {Fault.COPY}
    path.write_bytes(content)
    assert verify_log(at=late).whole


def test_a_kill_between_database_and_copy_is_mended_by_the_next_sealing(own_log: Superuser) -> None:
    _write(1)
    seal(at=NOON)
    first = checkpoint_copy_file.copy_path().read_bytes()
    _write(1)
    seal(at=NOON)
    both = checkpoint_copy_file.copy_path().read_bytes()
    for left in (first, first + both[len(first) : -9], both[:-1]):
        checkpoint_copy_file.copy_path().write_bytes(left)
        own_log.execute(
            "update audit_copy set last_number = 1"
        )  # What the copy has had is noted after it has it.
        assert {one.fault for one in verify_log(at=LATER).findings} == {Fault.COPY}
        seal(at=LATER)
        assert checkpoint_copy_file.copy_path().read_bytes() == both
        assert verify_log(at=LATER).whole


def test_lines_of_the_copy_are_never_removed_by_repair(own_log: Superuser) -> None:
    _write(1)
    seal(at=NOON)
    with checkpoint_copy_file.copy_path().open("ab") as file:
        file.write(b'{"not": "ours')
    _write(1)
    seal(at=LATER)
    assert {one.fault for one in verify_log(at=LATER).findings} == {Fault.COPY}


def test_audit_event_committed_late_is_sealed_by_a_later_checkpoint(
    own_log: Superuser,
) -> None:
    """Seal a low position that becomes visible after higher ones.

    The order of positions is not the order of commits.
    """
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(role_dsn("worker", str(name))) as slow:
        slow.execute(
            "insert into audit_event (id, at, tag, actor, subject) values (%s, %s,"
            " 'retention:hold:lifted', 'user:slow', 's')",
            [new_id(), NOON],
        )
        _write(3)
        assert checkpointing.seal(at=NOON) == (), "a transaction that is open may still add below"
        assert verify_log(at=NOON).unsealed == 3
        slow.commit()
    assert [one.rows for one in seal(at=LATER)] == [4]
    assert verify_log(at=LATER).whole


def test_many_writers_and_a_sealer_at_once_lose_nothing(own_log: Superuser) -> None:
    name = str(connections["default"].settings_dict["NAME"])

    def work(writer: int) -> None:
        with psycopg.connect(role_dsn("worker", name)) as connection:
            for number in range(40):
                connection.execute(
                    "insert into audit_event (id, at, tag, actor, subject) values (%s, %s,"
                    " 'retention:hold:lifted', 'user:w', %s)",
                    [new_id(), NOON, f"{writer}-{number}"],
                )
                if number % 3 == 0:
                    connection.rollback() if number % 2 else connection.commit()
            connection.commit()

    writers = [threading.Thread(target=work, args=[one]) for one in range(6)]
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        checkpointing.seal(at=NOON)
    seal(at=NOON)
    verdict = verify_log(at=NOON)
    assert verdict.whole, verdict.findings[:5]
    assert (verdict.unsealed, verdict.rows_checked) == (0, len(_positions(own_log)))


def test_only_the_database_gives_position_and_transaction(own_log: Superuser) -> None:
    name = str(connections["default"].settings_dict["NAME"])
    insert = (
        "insert into audit_event ({column}, id, at, tag, actor, subject) values (7,"
        " gen_random_uuid(), now(), 'a:b:c', 'user:x', 's')"
    )
    for column in ("position", "txid"):
        with (
            psycopg.connect(role_dsn("web", name)) as web,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            web.execute(insert.format(column=column).encode())
    for role in ("web", "retention", "probe"):
        with (
            psycopg.connect(role_dsn(role, name)) as other,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            other.execute("set transaction read write")
            other.execute("insert into audit_checkpoint values (1, 'x', '')")
    own_log.execute("set session_replication_role = origin")
    _write(1)
    seal(at=NOON)
    for verb in (
        "update audit_checkpoint set leaves = ''",
        "delete from audit_checkpoint",
        "truncate audit_checkpoint",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            own_log.execute(verb.encode())


def test_a_replaced_key_is_signed_by_the_previous_one(own_log: Superuser) -> None:
    _write(1)
    seal(at=NOON)
    settings.KEY_STORE.create(Purpose.AUDIT, OWNER)
    old, new = signing_records()
    rotate_signing_key(signing_key(new), at=NOON)
    rotate_signing_key(signing_key(new), at=NOON)
    settings.KEY_STORE.destroy(old.id)
    _write(1)
    (third,) = seal(at=LATER)
    assert (third.number, third.public_key) == (3, signing_key(new).public_bytes.hex())
    assert verify_log(at=LATER).whole
    settings.KEY_STORE.destroy(new.id)
    assert [one.message for one in verify_log(at=LATER).findings] == [
        "The newest checkpoint is signed by a key that the key store does not hold."
    ]


def test_restored_audit_log_continues_after_confirmation_which_stays_reported(
    own_log: Superuser,
) -> None:
    for at in (NOON, LATER, LATER):
        _write(4)
        seal(at=at)
    with pytest.raises(RestorationRefusedError, match="nothing was lost"):
        accept_restoration(reason=RESTORED, actor="operator:x", at=LATER)
    _write(2)  # which the backup has and no checkpoint covers
    positions = _positions(own_log)
    own_log.execute(
        "delete from audit_event where position between %s and %s", [positions[4], positions[11]]
    )
    own_log.execute("delete from audit_checkpoint where number > 1")
    assert not verify_log(at=LATER).whole
    with pytest.raises(LogBehindError, match="audit record-restore"):
        seal(at=LATER)  # no one would mend a fork of the chain
    with pytest.raises(RestorationRefusedError, match="reason"):
        accept_restoration(reason="a slip", actor="operator:x", at=LATER)
    restored = accept_restoration(reason=RESTORED, actor="operator:x", at=LATER)
    assert (restored.number, restored.lost_from, restored.rows_total) == (4, 2, 4)
    after = verify_log(at=LATER)
    assert (after.whole, after.rows_sealed, after.unsealed) == (True, 4, 3)
    assert [line[:47] for line in after.lost] == ["8 line(s) under checkpoints 2 to 3 were lost wh"]
    seal(at=LATER)
    _write(1)
    seal(at=LATER)
    whole = verify_log(at=LATER)
    assert (whole.whole, whole.rows_checked, whole.unsealed, len(whole.lost)) == (True, 8, 0, 1)
    own_log.execute(
        "update audit_event set actor = 'user:y' where position = %s", [_positions(own_log)[5]]
    )
    assert {one.fault for one in verify_log(at=LATER).findings} == {Fault.CHANGED}


def test_a_database_of_another_history_is_not_accepted_as_restored(own_log: Superuser) -> None:
    _write(2)
    seal(at=NOON)
    _write(2)
    seal(at=LATER)
    own_log.execute("delete from audit_checkpoint where number = 1")
    with pytest.raises(RestorationRefusedError, match="not the beginning"):
        accept_restoration(reason=RESTORED, actor="operator:x", at=LATER)
    own_log.execute("truncate audit_checkpoint")
    own_log.execute("truncate audit_event")
    assert accept_restoration(reason=RESTORED, actor="operator:x", at=LATER).lost_from == 1
    seal(at=LATER)
    assert (verify_log(at=LATER).whole, verify_log(at=LATER).rows_checked) == (True, 1)
    checkpoint_copy_file.copy_path().unlink()
    with pytest.raises(RestorationRefusedError, match="no copy"):
        accept_restoration(reason=RESTORED, actor="operator:x", at=LATER)


def test_a_long_log_is_checked_in_part_but_never_less_than_what_is_new(own_log: Superuser) -> None:
    for _ in range(6):
        _write(10)
        seal(at=NOON)
    own_log.execute(
        "update audit_event set actor = 'user:y' where position = %s", [_positions(own_log)[25]]
    )
    part = verify_log(at=NOON, rows_most=20, since=5, choose=lambda count: count - 1)
    assert (part.rows_checked, part.rows_sealed, part.whole) == (20, 60, True)
    assert (
        verify_log(at=NOON, rows_most=20, since=5, choose=lambda _: 2).findings[0].fault
        is Fault.CHANGED
    )
    assert verify_log(at=NOON, rows_most=20, since=2).findings[0].fault is Fault.CHANGED
    assert verify_log(at=NOON, rows_most=60).findings[0].fault is Fault.CHANGED


def test_two_sealers_never_run_at_once(own_log: Superuser) -> None:
    own_log.execute("select pg_advisory_lock(7105002)")
    with pytest.raises(SealingBusyError):
        seal(at=NOON)
    own_log.execute("select pg_advisory_unlock(7105002)")
    with checkpoint_lock(shared=True, using="probe"), pytest.raises(SealingBusyError):
        seal(at=NOON)
    seal(at=NOON)


def test_acts_of_the_command_line_enter_the_log_once(own_log: Superuser, tmp_path: Path) -> None:
    record_command_line_action(
        tmp_path, Tag.SECRET_PUT, subject="secret:lwa-client-secret", at=NOON
    )
    path = tmp_path / "audit" / "acts"
    line = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert import_command_line_actions(at=LATER) == 1
    path.write_bytes(
        line + b'{"id": "ha'
    )  # as a kill before the removal, and one while writing, leave it
    path.chmod(0o600)
    assert import_command_line_actions(at=LATER) == 2
    assert import_command_line_actions(at=LATER) == 0
    assert [(one.tag, one.at) for one in events()] == [
        (Tag.SECRET_PUT, NOON),
        (Tag.ACT_UNREADABLE, LATER),
    ]


def test_the_log_is_shown_by_shop_and_from_a_moment_on(own_log: Superuser) -> None:
    shop = new_id()
    record(Tag.HOLD_PLACED, actor="process:test", tenant=shop, subject="tenant", at=LATER)
    _write(3)
    assert [one.tenant for one in events(tenant=shop)] == [shop]
    assert len(list(events(since=LATER))) == 1
    assert len(list(events(batch=2))) == 4
