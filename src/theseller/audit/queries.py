"""Read the log and its checkpoints as the role `theseller_probe`.

No other role may read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connections

from theseller.audit.log_line_digests import COLUMNS, line_of
from theseller.audit.types import EventView, Line, Mark
from theseller.lib import sql_execution

#: The role that reads over all tenants.
READER = "probe"
_SETTLED = f"""
select {COLUMNS} from audit_event
where (txid, position) > (%s, %s) and txid < %s
order by txid, position limit %s
"""  # noqa: S608
_BETWEEN = f"""
select {COLUMNS} from audit_event
where (txid, position) > (%s, %s) and (txid, position) <= (%s, %s)
order by txid, position
"""  # noqa: S608
_AT = f"select {COLUMNS} from audit_event where position = any(%s)"  # noqa: S608
_UNSEALED = """
select
  count(*),
  min(at),
  min(position) filter (where txid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
from audit_event where (txid, position) > (%s, %s)
"""
_SHOWN = """
select position, at, tag, actor, tenant_id, subject, details::text from audit_event
where (%(tenant)s::uuid is null or tenant_id = %(tenant)s::uuid)
  and (%(since)s::timestamptz is null or at >= %(since)s::timestamptz)
  and position > %(after)s
order by position limit %(limit)s
"""


def settled_lines(after: Mark, *, limit: int, using: str = READER) -> list[Line]:
    """Return the next lines after `after` whose transactions are complete.

    Every transaction with a number below theirs has ended, so no line can still appear among them.
    """
    # First, and in a snapshot of its own: every transaction that had ended then is visible to the
    # next statement.
    horizon = sql_execution.value(
        connections[using], "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    )
    return [
        line_of(row)
        for row in sql_execution.rows(connections[using], _SETTLED, [*after, horizon, limit])
    ]


def lines_between(after: Mark, until: Mark, *, using: str = READER) -> list[Line]:
    """Return the current lines after `after`, up to and with `until`."""
    return [
        line_of(row) for row in sql_execution.rows(connections[using], _BETWEEN, [*after, *until])
    ]


def lines_at(positions: list[int], *, using: str = READER) -> list[Line]:
    """Return the current lines at these positions."""
    return [line_of(row) for row in sql_execution.rows(connections[using], _AT, [positions])]


def unsealed(after: Mark, *, using: str = READER) -> tuple[int, datetime | None, int | None]:
    """Return the count and the age of lines after `after`.

    Returns:
        The number of lines, when the oldest was written (None if there are none), and the position
            of a line with the number of a transaction that has not been yet (None if there is
            none).
    """
    count, oldest, impossible = sql_execution.one(connections[using], _UNSEALED, list(after))
    return count, oldest, impossible


def checkpoints(
    *, after: int = 0, using: str = READER, batch: int = 500
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (number, document, leaves) of checkpoints in the database.

    Those after number `after`, in order, read `batch` at a time.
    """
    while True:
        rows = sql_execution.rows(
            connections[using],
            "select number, document, leaves from audit_checkpoint where number > %s order by"
            " number limit %s",
            [after, batch],
        )
        for number, document, leaves in rows:
            yield number, bytes(document), bytes(leaves)
        if len(rows) < batch:
            return
        after = rows[-1][0]


def leaves_of(number: int, *, using: str = READER) -> bytes:
    """Return the leaves of one checkpoint as the database has them.

    They are empty if it has none of this number.
    """
    row = sql_execution.one(
        connections[using], "select leaves from audit_checkpoint where number = %s", [number]
    )
    return bytes(row[0]) if row else b""


def last_document(*, using: str = READER) -> bytes | None:
    """Return the document of the newest checkpoint; None if there is none."""
    row = sql_execution.one(
        connections[using], "select document from audit_checkpoint order by number desc limit 1"
    )
    return bytes(row[0]) if row else None


def events(
    *,
    tenant: UUID | None = None,
    since: datetime | None = None,
    using: str = READER,
    batch: int = 1000,
) -> Iterator[EventView]:
    """Yield the lines of the log in the order of their positions.

    All of them, or those of one tenant, or those since a time; read `batch` at a time.
    """
    parameters: dict[str, UUID | datetime | int | None] = {
        "tenant": tenant,
        "since": since,
        "after": 0,
        "limit": batch,
    }
    while True:
        rows = sql_execution.rows(connections[using], _SHOWN, parameters)
        for position, at, tag, actor, owner, subject, details in rows:
            yield EventView(position, at, tag, actor, owner, subject, json.loads(details))
        if len(rows) < batch:
            return
        parameters["after"] = rows[-1][0]
