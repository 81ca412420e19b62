"""Detect copies of the checkpoints that were removed or cut.

The database knows how many checkpoints the copy of each machine has had. A copy that has fewer, and
a new one although there are checkpoints, is filled again, and a line of the log records it: what is
missing in a copy may have been removed by an attacker who reached this machine. The log counts as
whole again when an operator has checked and recorded the reason.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction

from theseller.audit import checkpoint_copy_file
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.audit.queries import READER
from theseller.audit.types import CopyAcceptanceRefusedError, Fault, Finding
from theseller.crypto.private_files import read_private, write_private
from theseller.lib import sql_execution
from theseller.lib.ids import new_id

ACTOR = "process:audit"
REASON_LENGTH_MIN, REASON_LENGTH_MAX = 20, 300
_OPEN = """
select
  position,
  at,
  coalesce(details ->> 'copy', ''),
  coalesce((details ->> 'had')::bigint, 0),
  coalesce((details ->> 'of')::bigint, 0)
from audit_event
where tag = %s
  and position > coalesce(
    (select max((details ->> 'until')::bigint) from audit_event where tag = %s), 0)
order by position limit 100
"""
_NOTE = """
insert into audit_copy as c (id, last_number, noted_at) values (%s, %s, %s)
on conflict (id) do update set last_number = excluded.last_number, noted_at = excluded.noted_at
where c.last_number < excluded.last_number
"""


@dataclass(frozen=True, slots=True)
class ShortCopy:
    """A line of the log about a copy that was short.

    The copy `copy` had `had` checkpoints at `at`, and should have had `of`. `position` is the
    line's.
    """

    position: int
    at: datetime
    copy: str
    had: int
    of: int


def record_copy_length(number: int, *, at: datetime, using: str = "default") -> None:
    """Record that this machine's copy has the checkpoints up to `number`."""
    sql_execution.execute(connections[using], _NOTE, [_identity() or _make_identity(), number, at])


def record_shortfall(had: int, newest: int, *, at: datetime, using: str = "default") -> None:
    """Write a line into the log if this machine's copy should be longer.

    Call it before the copy is filled. It writes one line for each copy until an operator has
    accepted it.

    Args:
        had: how many checkpoints the copy has.
        newest: the number of the newest checkpoint in the database.
        at: the time of the call, with a time zone.
        using: the connection that writes.
    """
    identity = _identity()
    before = _noted(identity)
    # A copy that the database does not know may lack nothing: then it is one from before copies
    # were known.
    missing = newest if before is None else before
    if had >= missing:
        return
    name = str(identity or _make_identity())
    if any(one.copy == name for one in short_copies()):
        return
    with transaction.atomic(using=using):
        details: dict[str, str | int] = {
            "copy": name,
            "had": had,
            "of": missing,
            "known": before is not None,
        }
        record(
            Tag.COPY_SHORT,
            actor=ACTOR,
            tenant=None,
            subject="audit-copy",
            at=at,
            details=details,
            using=using,
        )


def short_copies(*, using: str = READER) -> tuple[ShortCopy, ...]:
    """Return the lines about short copies that no operator has accepted.

    The oldest is first; at most 100.
    """
    return tuple(
        ShortCopy(*row)
        for row in sql_execution.rows(
            connections[using], _OPEN, [Tag.COPY_SHORT.value, Tag.COPY_ACCEPTED.value]
        )
    )


def findings(*, using: str = READER) -> list[Finding]:
    """Return a finding of the log's check for each short copy."""
    return [
        Finding(
            Fault.COPY,
            f"On {one.at:%Y-%m-%d %H:%M} UTC a copy outside the database had {one.had} of {one.of}"
            " checkpoints, and was filled again from the database: it was removed or cut, or its"
            " machine is new. Find out which, then: theseller audit accept-copy --reason …",
            one.position,
        )
        for one in short_copies(using=using)
    ]


def accept_copies(*, reason: str, actor: str, at: datetime, using: str = "default") -> int:
    """Record why copies were short; return how many lines that concerns.

    After that the log counts as whole again.

    Raises:
        CopyAcceptanceRefusedError: the reason is too short or too long, or no copy was short.
    """
    if not REASON_LENGTH_MIN <= len(reason.strip()) <= REASON_LENGTH_MAX:
        raise CopyAcceptanceRefusedError(
            f"give a reason of {REASON_LENGTH_MIN} to {REASON_LENGTH_MAX} characters"
        )
    found = short_copies()
    if not found:
        raise CopyAcceptanceRefusedError("no copy of the checkpoints was removed or cut")
    with transaction.atomic(using=using):
        details: dict[str, str | int] = {
            "reason": reason.strip(),
            "lines": len(found),
            "until": found[-1].position,
        }
        record(
            Tag.COPY_ACCEPTED,
            actor=actor,
            tenant=None,
            subject="audit-copy",
            at=at,
            details=details,
            using=using,
        )
    return len(found)


def _noted(identity: UUID | None) -> int | None:
    """Return how many checkpoints the database knows this copy to have had.

    None if the database does not know the copy.
    """
    if identity is None:
        return None
    row = sql_execution.one(
        connections[READER], "select last_number from audit_copy where id = %s", [identity]
    )
    return int(row[0]) if row else None


def _identity() -> UUID | None:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return UUID(read_private(checkpoint_copy_file.identity_path()).decode().strip())
    return None


def _make_identity() -> UUID:
    """Create and return the id of this machine's copy.

    The caller holds the checkpoint lock.
    """
    made = new_id()
    write_private(checkpoint_copy_file.identity_path(), f"{made}\n".encode())
    return made
