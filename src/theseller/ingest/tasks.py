"""Jobs of the sync: plan due streams, and pull one.

A job only starts a stream; the table of streams decides which are due.
"""

from __future__ import annotations

from uuid import UUID

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from theseller.connections.access_tokens import discard_stale_tokens
from theseller.ingest.sync.stream_creation_and_due_streams import due_streams, plan_new_connections
from theseller.ingest.sync.stream_runner import run_stream
from theseller.ingest.types import StreamKey
from theseller.lib import clock


@app.periodic(cron="* * * * * */2")
@app.task(name="ingest.tick", queueing_lock="ingest.tick")
# Procrastinate passes the scheduled time; the time that counts is the work's own
def tick(timestamp: int = 0) -> None:  # noqa: ARG001
    """Plan new connections and enqueue every stream that is due."""
    discard_stale_tokens(at=clock.now())  # Also where no connection is left to be opened.
    plan_new_connections(at=clock.now())
    for key in due_streams(at=clock.now()):
        _enqueue(key)


def _enqueue(key: StreamKey) -> None:
    lock = f"ingest:{key.connection}:{key.name}:{key.marketplace_id}"
    try:
        pull.configure(queueing_lock=lock, priority=-1).defer(
            tenant=str(key.tenant),
            connection=str(key.connection),
            name=key.name,
            marketplace_id=key.marketplace_id,
        )
    except AlreadyEnqueued:
        return


@app.task(name="ingest.pull")
def pull(tenant: str, connection: str, name: str, marketplace_id: str) -> None:
    """Run one stream for a turn."""
    run_stream(StreamKey(UUID(tenant), UUID(connection), name, marketplace_id), now=clock.now)
