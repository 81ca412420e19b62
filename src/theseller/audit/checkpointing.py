"""Append signed checkpoints over the complete lines of the log.

They are written to the database and to the copy outside it.

Transactions that write audit lines never wait for each other: a chain from line to line would let
only one be open at a time, and a disconnection keeps its transaction open while it waits for calls
to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connections, transaction

from theseller.audit import (
    checkpoint_copy_file,
    checkpoint_copy_shortfalls,
    signed_checkpoint_document,
)
from theseller.audit.checkpoint_copy_completion import complete_copy
from theseller.audit.log_line_digests import last_mark, pack
from theseller.audit.queries import READER, last_document, settled_lines, unsealed
from theseller.audit.signing_keys import key_for
from theseller.audit.types import NOWHERE, Checkpoint, LogBehindError, SealingBusyError
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.lib import sql_execution
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)
#: A checkpoint covers this many lines at most: 400 kB of digests.
LINES_MOST = 10_000
#: A checkpoint is made this often at most, unless so many lines wait: a year may have a hundred
#: thousand, not half a million.
EVERY, LINES_MANY = timedelta(minutes=5), 1_000
#: An arbitrary number that no other advisory lock of ours has: those are hashes or other numbers.
_LOCK = 7_105_002
#: Who takes it: the worker and the command line seal as `theseller_worker`, a check reads as
#: `theseller_probe`.
_SEALERS = frozenset({"theseller_worker", "theseller_probe"})
_HOLDERS = """
select a.usename from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.classid = 0 and l.objid = %s and l.granted
  and l.database = (select oid from pg_database where datname = current_database())
"""


def seal(*, at: datetime, using: str = "default", reader: str = READER) -> tuple[Checkpoint, ...]:
    """Cover every complete line; return the checkpoints that were added.

    None are added if there was nothing new.

    Raises:
        SealingBusyError: another process seals or checks the log.
        AuditKeyLostError: the key store lacks the key.
        LogBehindError: the copy has later checkpoints than the database: it was restored, or they
            were removed.
        CopyConflictError: the database's checkpoints do not continue this machine's copy.
        CheckpointRefusedError: the newest checkpoint in the database is not ours; nothing is built
            upon it.
    """
    made: list[Checkpoint] = []
    with checkpoint_lock(shared=False, using=using):
        head = _head(using)
        _agree_with_copy(head, at=at, using=using)
        while lines := settled_lines(
            head.until if head else NOWHERE, limit=LINES_MOST, using=reader
        ):
            key = key_for(head)
            until = last_mark(lines, NOWHERE)
            head = _append(head, pack(lines), key, until=until, at=at, using=using)
            made.append(head)
            if len(lines) < LINES_MOST:
                break
    return tuple(made)


def seal_due(
    *, at: datetime, using: str = "default", reader: str = READER
) -> tuple[Checkpoint, ...]:
    """Seal if a checkpoint is due; return the checkpoints that were added.

    One is due if the last is EVERY old, if there is none, or if LINES_MANY lines wait. If none is
    due, the copy is completed all the same: another machine may have sealed.

    Raises:
        Exception: what `seal` raises.
    """
    head = _head(using)
    if head is not None and timedelta(0) <= at - datetime.fromisoformat(head.sealed_at) < EVERY:
        waiting, _, _ = unsealed(head.until, using=reader)
        if waiting < LINES_MANY:
            if checkpoint_copy_file.last_entry() != head.document:
                with checkpoint_lock(shared=True, using=using):
                    complete_copy(at=at, using=using, writer=using)
            return ()
    return seal(at=at, using=using, reader=reader)


def rotate_signing_key(next_key: SigningKey, *, at: datetime, using: str = "default") -> None:
    """Append a checkpoint that names `next_key` as the next signing key.

    It does nothing if the key is named already.

    Raises:
        Exception: what `seal` raises.
    """
    named = next_key.public_bytes.hex()
    with checkpoint_lock(shared=False, using=using):
        head = _head(using)
        if head is None or head.key_after == named:
            return
        _agree_with_copy(head, at=at, using=using)
        _append(head, b"", key_for(head), until=head.until, at=at, using=using, next_key=named)


@contextmanager
def checkpoint_lock(*, shared: bool, using: str = "default") -> Iterator[None]:
    """Hold the lock of the checkpoints: one sealer, or several readers.

    Readers wait for a sealer, but hold the lock only shortly themselves.

    Raises:
        SealingBusyError: the lock is held, and `shared` is False.
    """
    verb = "pg_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    with connections[using].cursor() as cursor:
        cursor.execute(f"select {verb}({_LOCK})")
        if not shared and not cursor.fetchone()[0]:
            raise SealingBusyError(_busy(using))
        try:
            yield
        finally:
            cursor.execute(f"select pg_advisory_unlock{'_shared' if shared else ''}({_LOCK})")


def _busy(using: str) -> str:
    """Return the message that says who holds the lock of the checkpoints.

    PostgreSQL lets every role take any advisory lock, so a role that never seals may hold it: then
    the message names the role.
    """
    strange = sorted(
        {str(role) for (role,) in sql_execution.rows(connections[using], _HOLDERS, [_LOCK])}
        - _SEALERS
    )
    if strange:
        log.error("audit_lock_held_by_other_role", roles=strange)
        return (
            f"{', '.join(strange)} holds the audit log's lock, and has no business with it: end"
            " that connection, and look for its cause"
        )
    return "another process seals or checks the audit log just now: try again in a moment"


def _head(using: str) -> Checkpoint | None:
    document = last_document(using=using)
    return signed_checkpoint_document.read(document) if document is not None else None


def _append(  # the fields of a checkpoint
    head: Checkpoint | None,
    leaves: bytes,
    key: SigningKey,
    *,
    until: tuple[int, int],
    at: datetime,
    using: str,
    next_key: str = "",
) -> Checkpoint:
    made = signed_checkpoint_document.sign(
        head,
        leaves,
        until=until,
        key=key,
        environment=settings.ENVIRONMENT.kind.value,
        at=at,
        next_key=next_key,
    )
    with transaction.atomic(using=using):
        sql_execution.execute(
            connections[using],
            "insert into audit_checkpoint (number, document, leaves) values (%s, %s, %s)",
            [made.number, made.document, leaves],
        )
    # After the database: what only the copy has means that the database was restored. If the
    # process is killed in between, the next call completes the copy.
    checkpoint_copy_file.append([(made.document, leaves)])
    checkpoint_copy_shortfalls.record_copy_length(made.number, at=at, using=using)
    # The log stream goes elsewhere in many deployments: a third place that an attacker would have
    # to reach.
    log.info(
        "audit_checkpoint_appended",
        number=made.number,
        lines=made.rows_total,
        digest=signed_checkpoint_document.digest_of(made.document),
    )
    return made


def _agree_with_copy(head: Checkpoint | None, *, at: datetime, using: str) -> None:
    """Add to the copy the checkpoints that are missing at its end.

    A killed process or another machine may have left it behind. Only what follows its last line is
    added: nothing there is replaced.

    Raises:
        LogBehindError: the copy is ahead. A checkpoint made now would fork the chain, and the true
            log could no longer be told from another.
    """
    document = checkpoint_copy_file.last_entry()
    known, number = _number(document) if document is not None else 0, head.number if head else 0
    if known > number or (known == number and head is not None and document != head.document):
        raise LogBehindError(
            f"the database's newest checkpoint is number {number}, and the copy outside it has"
            " another or later ones: if the database was restored from a backup, say so by"
            " `theseller audit record-restore`; else `theseller audit verify` says what is wrong"
        )
    complete_copy(at=at, using=using, writer=using)


def _number(document: bytes) -> int:
    try:
        return signed_checkpoint_document.read(document).number
    except signed_checkpoint_document.CheckpointRefusedError:
        return 0
