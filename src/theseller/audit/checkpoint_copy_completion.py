"""Complete this machine's copy of the checkpoints from the database.

Several machines may seal the log of one database.

Only what continues the copy's own chain is added, signed by the keys that this chain names, up to a
checkpoint whose key the key store holds. What is in the copy is never replaced, so that a database
that was changed or put back still differs from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from theseller.audit import (
    checkpoint_copy_file,
    checkpoint_copy_shortfalls,
    signed_checkpoint_document,
)
from theseller.audit.queries import READER, checkpoints, last_document
from theseller.audit.signing_keys import is_current
from theseller.audit.types import NOWHERE, Checkpoint, CopyConflictError
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)
#: Checkpoints that are written to the disk together: 54 MB at most.
_AT_ONCE = 100


def complete_copy(*, at: datetime, using: str = READER, writer: str = "default") -> int:
    """Add to the copy the checkpoints that only the database has.

    If the copy has had more checkpoints than it has now, a line of the log records that first
    (`checkpoint_copy_shortfalls`). The caller holds the checkpoint lock, shared or exclusive. A
    copy that is level with the database or ahead of it is left as it is, and so is one whose last
    line can't be read: `verify_log` names both.

    Args:
        at: the time of the call, with a time zone.
        using: the connection that reads the checkpoints.
        writer: the worker's connection, which records what the database knows of copies.

    Returns:
        How many checkpoints were added.

    Raises:
        CopyConflictError: the database's checkpoints do not continue the copy, or end with a key
            that is not ours. The copy is unchanged, or longer by checkpoints that continue it.
    """
    newest = last_document(using=using)
    with checkpoint_copy_file.copy_lock():
        try:
            last = checkpoint_copy_file.last_entry()
            head = signed_checkpoint_document.read(last) if last is not None else None
            number = signed_checkpoint_document.read(newest).number if newest is not None else 0
        except signed_checkpoint_document.CheckpointRefusedError:
            return 0
        had = head.number if head else 0
        checkpoint_copy_shortfalls.record_shortfall(had, number, at=at, using=writer)
        added = _complete(head, newest, using) if newest is not None and newest != last else 0
        checkpoint_copy_shortfalls.record_copy_length(had + added, at=at, using=writer)
        return added


def _complete(head: Checkpoint | None, newest: bytes, using: str) -> int:
    known = head.number if head else 0
    # Walked twice: nothing is written before the whole of it is known to end in a checkpoint of
    # ours.
    digests = [hashlib.sha256(found.document).digest() for found, _ in _behind(head, using)]
    if not digests:
        return 0
    if digests[-1] != hashlib.sha256(newest).digest() or not is_current(
        signed_checkpoint_document.read(newest).key_after
    ):
        raise CopyConflictError(
            _conflict(known + len(digests), "is signed by a key that the key store does not hold")
        )
    waiting: list[tuple[bytes, bytes]] = []
    for expected, (found, leaves) in zip(digests, _behind(head, using), strict=False):
        if hashlib.sha256(found.document).digest() != expected:
            raise CopyConflictError(_conflict(found.number, "changed while it was read"))
        waiting.append((found.document, leaves))
        if len(waiting) == _AT_ONCE:
            checkpoint_copy_file.append(waiting)
            waiting = []
    if waiting:
        checkpoint_copy_file.append(waiting)
    # A copy without any is expected on a new machine only.
    write = log.info if head else log.warning
    write("audit_checkpoints_copied", added=len(digests), had=known if head else 0)
    return len(digests)


def _behind(head: Checkpoint | None, using: str) -> Iterator[tuple[Checkpoint, bytes]]:
    """Yield each checkpoint of the database after `head` with its leaves.

    Each is checked first: it continues the chain.
    """
    for number, document, leaves in checkpoints(after=head.number if head else 0, using=using):
        try:
            found = signed_checkpoint_document.read(document)
        except signed_checkpoint_document.CheckpointRefusedError as refusal:
            raise CopyConflictError(_conflict(number, str(refusal))) from None
        rows, until = (head.rows_total, head.until) if head else (0, NOWHERE)
        if found.lost_from:
            # It counts on from an earlier one, which its signature vouches for here; `verify_log`
            # counts them all.
            rows, until = found.rows_total, found.until
        why = signed_checkpoint_document.follows(
            found, head, leaves, rows_before=rows, until_before=until
        )
        if why or found.number != number:
            raise CopyConflictError(_conflict(number, why or "has another number than its place"))
        yield found, leaves
        head = found


def _conflict(number: int, why: str) -> str:
    return (
        f"checkpoint {number} in the database does not continue this machine's copy: it {why};"
        " `theseller audit verify` says what is wrong"
    )
