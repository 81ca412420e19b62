"""Read, write and check the signed document of a checkpoint.

The document is canonical JSON with `body`, `public_key` and `signature`. Only the byte form in
which it was signed is accepted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from theseller.audit.log_line_digests import LEAF_BYTES
from theseller.audit.types import Checkpoint, Mark
from theseller.crypto.canonical_json_signing import (
    SigningKey,
    canonical_json,
    parse_canonical_json,
    verify,
)
from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError

FORMAT = "theseller.org/audit-checkpoint/v1"


class CheckpointRefusedError(ValueError):
    """The bytes are not a checkpoint, or its signature is not valid."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The database was restored from a backup.

    `kept` is the last checkpoint whose lines are still in the database; None if there is none.
    """

    kept: Checkpoint | None

    @property
    def lost_from(self) -> int:
        """The number of the first checkpoint whose lines were lost."""
        return (self.kept.number if self.kept else 0) + 1


def digest_of(document: bytes) -> str:
    """Return the hex SHA-256 by which the next checkpoint names this one."""
    return hashlib.sha256(document).hexdigest()


def sign(
    head: Checkpoint | None,
    leaves: bytes,
    *,
    until: tuple[int, int],
    key: SigningKey,
    environment: str,
    at: datetime,
    next_key: str = "",
    restored: Restored | None = None,
) -> Checkpoint:
    """Return the signed checkpoint that follows `head`.

    Args:
        head: the newest checkpoint; None if this is the first.
        leaves: the packed digests of the lines that it covers (`log_line_digests.pack`).
        until: the mark of the last line that it covers.
        key: the key that signs it.
        environment: the kind of deployment, such as `production`.
        at: when it is made, with a time zone.
        next_key: the hex public key that must sign the next checkpoint, if it is another.
        restored: given if this checkpoint records a restoration of the database.
    """
    rows = len(leaves) // LEAF_BYTES
    counted = restored.kept if restored else head
    body = {
        "format": FORMAT,
        "environment": environment,
        "number": head.number + 1 if head else 1,
        "sealed_at": at.isoformat(),
        "previous": digest_of(head.document) if head else "",
        "rows": rows,
        "rows_total": (counted.rows_total if counted else 0) + rows,
        "until_txid": until[0],
        "until_position": until[1],
        "leaves_sha256": hashlib.sha256(leaves).hexdigest(),
        "next_key": next_key,
        "lost_from": restored.lost_from if restored else 0,
    }
    public_key = key.public_bytes.hex()
    signed = {"body": body, "public_key": public_key}
    return read(canonical_json({**signed, "signature": key.sign(canonical_json(signed)).hex()}))


def read(document: bytes, *, proven: int = 0) -> Checkpoint:
    """Return the checkpoint that `document` contains.

    Its signature is checked unless its number is at most `proven`. Those earlier ones are bound by
    the next one's `previous`, and so by the signature of the last.

    Raises:
        CheckpointRefusedError: it is not a checkpoint, or its signature is not valid.
    """
    try:
        found = parse_canonical_json(document)
        signed = {"body": found["body"], "public_key": found["public_key"]}
        checkpoint = _checkpoint(found["body"], found["public_key"], document)
        if checkpoint.number > proven:
            verify(
                bytes.fromhex(found["public_key"]),
                canonical_json(signed),
                bytes.fromhex(found["signature"]),
            )
    except NotCanonicalError:
        raise CheckpointRefusedError("is no document in the form in which it was signed") from None
    except InvalidSignatureError:
        raise CheckpointRefusedError("has a signature that does not fit") from None
    except (KeyError, TypeError, ValueError):
        raise CheckpointRefusedError("is no checkpoint") from None
    return checkpoint


def _checkpoint(body: dict[str, Any], public_key: str, document: bytes) -> Checkpoint:
    if body["format"] != FORMAT:
        raise CheckpointRefusedError("is a signed document of another kind")
    numbers = [
        body[name]
        for name in ("number", "rows", "rows_total", "until_txid", "until_position", "lost_from")
    ]
    if not all(isinstance(one, int) and one >= 0 for one in numbers):
        raise CheckpointRefusedError("is no checkpoint")
    number, rows, total, txid, position, lost_from = numbers
    texts = (str(body[name]) for name in ("sealed_at", "previous", "leaves_sha256", "next_key"))
    sealed_at, previous, leaves, next_key = texts
    return Checkpoint(
        number,
        sealed_at,
        previous,
        rows,
        total,
        (txid, position),
        leaves,
        public_key,
        next_key,
        lost_from,
        document,
    )


def follows(
    found: Checkpoint,
    head: Checkpoint | None,
    leaves: bytes,
    *,
    rows_before: int,
    until_before: Mark,
) -> str:
    """Return why `found` can't be the checkpoint after `head`; "" if it can.

    Args:
        found: the checkpoint to check.
        head: the checkpoint before it; None if `found` must be the first.
        leaves: the packed digests of the lines, stored beside `found`.
        rows_before: `rows_total` of `head`, or after a restoration of the last checkpoint whose
            lines are still in the database.
        until_before: `until` of the same checkpoint.
    """
    if (found.number, found.previous) != (
        (head.number + 1, digest_of(head.document)) if head else (1, "")
    ):
        return "does not follow the one before it"
    if head and found.public_key != head.key_after:
        return "is signed by another key than the one before it names"
    if (
        hashlib.sha256(leaves).hexdigest() != found.leaves_digest
        or len(leaves) != found.rows * LEAF_BYTES
    ):
        return "comes with other digests of lines than it was signed with"
    if found.rows_total != rows_before + found.rows or found.until < until_before:
        return "does not count on from the one before it"
    if found.lost_from and not (
        found.rows == 0 and found.lost_from < found.number and found.until == until_before
    ):
        return "is no restoration"
    return ""
