"""Streams that were run while the clock was ahead.

Their next run is dated by that clock: without this they would wait until the right clock is there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connections

from theseller.connections.access_tokens import open_connection
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.ingest.sync import stream_state
from theseller.ingest.types import StreamKey
from theseller.lib import sql_execution

#: Clocks of two hosts may differ by less than this.
_SKEW = timedelta(minutes=1)
_ATTEMPTED_LATER = (
    "select tenant_id, connection_id, name, marketplace_id from ingest_stream where last_attempt_at"
    " > %s"
)


def make_future_attempts_due(*, at: datetime) -> int:
    """Make streams due whose last attempt is dated in the future.

    Returns:
        How many there were.
    """
    try:
        found = sql_execution.rows(connections["probe"], _ATTEMPTED_LATER, [at + _SKEW])
    finally:
        connections["probe"].close()
    for row in found:
        key = StreamKey(*row)
        try:
            with open_connection(key.tenant, key.connection, at=at):
                stream_state.make_due(key, at=at)
        except ConnectionClosedError:
            continue
    return len(found)
