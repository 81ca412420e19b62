"""Record in the log that the database was restored from a backup.

A signed checkpoint says for good which lines were lost, and the log continues after it.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connections, transaction

from theseller.audit import checkpoint_copy_file, signed_checkpoint_document
from theseller.audit.checkpointing import checkpoint_lock
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.audit.queries import checkpoints
from theseller.audit.signing_keys import key_for
from theseller.audit.types import NOWHERE, Checkpoint, RestorationRefusedError

REASON_LENGTH_MIN, REASON_LENGTH_MAX = 20, 300
_INSERT = "insert into audit_checkpoint (number, document, leaves) values (%s, %s, %s)"


def accept_restoration(
    *, reason: str, actor: str, at: datetime, using: str = "default"
) -> Checkpoint:
    """Sign which lines a restoration lost; return that checkpoint.

    The checkpoints that only the copy has are put back before it.

    Raises:
        RestorationRefusedError: the reason is too short or too long, nothing was lost, or the
            database's checkpoints are not the beginning of the copy's.
        SealingBusyError: another process seals or checks the log.
        AuditKeyLostError: the key store lacks the signing key.
    """
    if not REASON_LENGTH_MIN <= len(reason.strip()) <= REASON_LENGTH_MAX:
        raise RestorationRefusedError(
            f"give a reason of {REASON_LENGTH_MIN} to {REASON_LENGTH_MAX} characters"
        )
    with checkpoint_lock(shared=False, using=using):
        known, kept = _common(using)
        restored = signed_checkpoint_document.Restored(kept)
        lost = known[restored.lost_from - 1 :]
        head = signed_checkpoint_document.read(lost[-1][0])
        until = kept.until if kept else NOWHERE
        environment = settings.ENVIRONMENT.kind.value
        signed = signed_checkpoint_document.sign(
            head,
            b"",
            until=until,
            key=key_for(head),
            environment=environment,
            at=at,
            restored=restored,
        )
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            for number, (document, leaves) in enumerate(
                [*lost, (signed.document, b"")], start=restored.lost_from
            ):
                cursor.execute(_INSERT, [number, document, leaves])
            details: dict[str, str | int] = {
                "reason": reason.strip(),
                "lost_from": restored.lost_from,
                "checkpoints": len(lost),
            }
            record(
                Tag.LOG_RESTORED,
                actor=actor,
                tenant=None,
                subject="audit-log",
                at=at,
                details=details,
                using=using,
            )
        checkpoint_copy_file.append([(signed.document, b"")])
    return signed


def _common(using: str) -> tuple[list[tuple[bytes, bytes]], Checkpoint | None]:
    """Return the copy's entries and the last checkpoint both places have."""
    try:
        known = [(document, leaves) for _, document, leaves in checkpoint_copy_file.entries()]
    except FileNotFoundError:
        raise RestorationRefusedError(
            "there is no copy of the checkpoints: put the file audit/checkpoints of the state"
            " folder back"
        ) from None
    stored = [(document, leaves) for _, document, leaves in checkpoints(using=using)]
    if len(stored) == len(known):
        raise RestorationRefusedError(
            "the database has as many checkpoints as the copy: nothing was lost"
        )
    if stored != known[: len(stored)]:
        raise RestorationRefusedError(
            "the database's checkpoints are not the beginning of the copy's: this is not this"
            " deployment's own database as it was"
        )
    try:
        return known, signed_checkpoint_document.read(stored[-1][0]) if stored else None
    except signed_checkpoint_document.CheckpointRefusedError as refusal:
        raise RestorationRefusedError(f"the database's newest checkpoint {refusal}") from None
