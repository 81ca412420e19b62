"""Seal the log: append checkpoints over the lines that are complete, in the database and in the copy outside it.

Auditing transactions are never made to wait: a chain from line to line would let only one be open
at a time, and a disconnection holds its transaction while it waits for calls to end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connections, transaction

from theseller.audit import checkpoint_format, copy_shortfalls, external_copy
from theseller.audit.copy_completion import complete_copy
from theseller.audit.keys import key_for
from theseller.audit.queries import READER, last_document, settled_lines, unsealed
from theseller.audit.sealed_lines import last_mark, pack
from theseller.audit.types import NOWHERE, Checkpoint, LogBehindError, SealingBusyError
from theseller.crypto.signing import SigningKey
from theseller.lib import sql

log = logging.getLogger(__name__)
#: A checkpoint covers this many lines at most: 400 kB of digests.
LINES_MOST = 10_000
#: A checkpoint is made this often at most, unless so many lines wait: a year may have a hundred
#: thousand, not half a million.
EVERY, LINES_MANY = timedelta(minutes=5), 1_000
#: An arbitrary number that no other advisory lock of ours can have: those are halves of random ids.
_LOCK = 7_105_002
#: Who takes it: the worker and the command line seal as `theseller_worker`, a check reads as
#: `theseller_probe`.
_SEALERS = frozenset({"theseller_worker", "theseller_probe"})
_HOLDERS = """
select a.usename from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.classid = 0 and l.objid = %s and l.granted and l.database = (select oid from pg_database where datname = current_database())
"""


def seal(*, at: datetime, using: str = "default", reader: str = READER) -> tuple[Checkpoint, ...]:
    """Cover every line that is complete, and return the checkpoints that were added: none if there was nothing new.

    Raises:
        SealingBusyError: another process is at it.
        AuditKeyLostError: the key store lacks the key.
        LogBehindError: the copy has later checkpoints than the database: it was restored, or they
        were removed. CopyConflictError: the database's checkpoints do not continue this machine's
        copy. CheckpointRefusedError: the newest checkpoint in the database is none of ours; nothing
            is built upon it.
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
    """Seal if the last checkpoint is EVERY old, or there is none, or LINES_MANY wait. Raises what `seal` raises.

    If not, the copy is completed all the same: another machine may have sealed.
    """
    head = _head(using)
    if head is not None and timedelta(0) <= at - datetime.fromisoformat(head.sealed_at) < EVERY:
        waiting, _, _ = unsealed(head.until, using=reader)
        if waiting < LINES_MANY:
            if external_copy.last_entry() != head.document:
                with checkpoint_lock(shared=True, using=using):
                    complete_copy(at=at, using=using, writer=using)
            return ()
    return seal(at=at, using=using, reader=reader)


def rotate_signing_key(next_key: SigningKey, *, at: datetime, using: str = "default") -> None:
    """Append a checkpoint by which the present key names the next one. Again is harmless. Raises what `seal` raises."""
    named = next_key.public_bytes.hex()
    with checkpoint_lock(shared=False, using=using):
        head = _head(using)
        if head is None or head.key_after == named:
            return
        _agree_with_copy(head, at=at, using=using)
        _append(head, b"", key_for(head), until=head.until, at=at, using=using, next_key=named)


@contextmanager
def checkpoint_lock(*, shared: bool, using: str = "default") -> Iterator[None]:
    """Hold the checkpoints: a sealer alone, or readers together, who wait for a sealer but never make one wait for long.

    Raises SealingBusyError to the second sealer.
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
    """Say who holds the checkpoints. A role that never seals may hold their lock too, since PostgreSQL lets every role take any: it is named."""
    strange = sorted(
        {str(role) for (role,) in sql.rows(connections[using], _HOLDERS, [_LOCK])} - _SEALERS
    )
    if strange:
        log.error(
            "the audit log's lock is held by %s, which never seals: look for SQL that is not ours",
            ", ".join(strange),
        )
        return (
            f"{', '.join(strange)} holds the audit log's lock, and has no business with it: end"
            " that connection, and look for its cause"
        )
    return "another process seals or checks the audit log just now: try again in a moment"


def _head(using: str) -> Checkpoint | None:
    document = last_document(using=using)
    return checkpoint_format.read(document) if document is not None else None


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
    made = checkpoint_format.sign(
        head,
        leaves,
        until=until,
        key=key,
        environment=settings.ENVIRONMENT.kind.value,
        at=at,
        next_key=next_key,
    )
    with transaction.atomic(using=using):
        sql.execute(
            connections[using],
            "insert into audit_checkpoint (number, document, leaves) values (%s, %s, %s)",
            [made.number, made.document, leaves],
        )
    # After the database, for what only the copy has means that the database was put back. A kill in
    # between is mended by the next call.
    external_copy.append([(made.document, leaves)])
    copy_shortfalls.record_copy_length(made.number, at=at, using=using)
    # The log stream goes elsewhere in many deployments: a third place that an attacker would have
    # to reach.
    log.info(
        "audit checkpoint %d covers %d lines: %s",
        made.number,
        made.rows_total,
        checkpoint_format.digest_of(made.document),
    )
    return made


def _agree_with_copy(head: Checkpoint | None, *, at: datetime, using: str) -> None:
    """Add to the copy what a kill kept from it, or another machine sealed. Only what follows its last line: nothing there is replaced.

    Raises LogBehindError: the copy is ahead. A checkpoint made now would fork the chain, and no one
    could tell the true log any more.
    """
    document = external_copy.last_entry()
    known, number = _number(document) if document is not None else 0, head.number if head else 0
    if known > number or (known == number and head is not None and document != head.document):
        raise LogBehindError(
            f"the database's newest checkpoint is number {number}, and the copy outside it has"
            " another or later ones: if the database was restored from a backup, say so by"
            " `theseller audit restored`; else `theseller audit verify` says what is wrong"
        )
    complete_copy(at=at, using=using, writer=using)


def _number(document: bytes) -> int:
    try:
        return checkpoint_format.read(document).number
    except checkpoint_format.CheckpointRefusedError:
        return 0
