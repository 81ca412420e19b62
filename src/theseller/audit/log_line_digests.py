"""Digests of log lines, and the packed form that checkpoints store.

The position is stored beside the digest, which covers every other column, so that a change of any
column is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from theseller.audit.types import Line, Mark

#: `at` as text of the database's own making: exact, and readable whatever the column holds.
COLUMNS = (
    "txid, position, id::text, extract(epoch from at)::text, tag, actor, tenant_id::text, subject,"
    " details::text, db_role"
)
LEAF_BYTES = 40
_POSITION_BYTES = 8


def line_of(row: Sequence[Any]) -> Line:
    """Return the line of a row of COLUMNS.

    The digest covers every column except the position, which is beside it in the leaf.
    """
    txid, position, identity, at, tag, actor, tenant, subject, details, role = row
    # Parsed and written again: the digest must not depend on how a version of the database writes
    # JSON.
    said = [txid, identity, at, tag, actor, tenant, subject, json.loads(details, parse_float=str)]
    # Lines of earlier versions have no role, and were sealed without one.
    said += [role] if role is not None else []
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Line((txid, position), hashlib.sha256(text.encode()).digest())


def pack(lines: Iterable[Line]) -> bytes:
    """Return the leaves of a checkpoint: position and digest of each line."""
    return b"".join(line.position.to_bytes(_POSITION_BYTES, "big") + line.digest for line in lines)


def unpack(leaves: bytes) -> list[tuple[int, bytes]]:
    """Return (position, digest) of each leaf."""
    pieces = (leaves[start : start + LEAF_BYTES] for start in range(0, len(leaves), LEAF_BYTES))
    return [
        (int.from_bytes(piece[:_POSITION_BYTES], "big"), piece[_POSITION_BYTES:])
        for piece in pieces
    ]


def last_mark(lines: Sequence[Line], before: Mark) -> Mark:
    """Return the mark of the last line; `before` if there is none."""
    return lines[-1].mark if lines else before
