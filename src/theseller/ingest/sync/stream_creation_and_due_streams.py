"""Planning: which streams exist and which are due.

The two functions over all tenants return identifiers of pending work, no tenant data (`guard.…` in
`sql/tables.sql`).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections

from theseller.connections.access_tokens import open_connection
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.sync.streams.registry import streams_of
from theseller.ingest.types import StreamKey
from theseller.lib import sql_execution

_MOST = 100
#: createReport has one token a minute.
_BETWEEN_STORES = timedelta(minutes=1)


def plan_new_connections(*, at: datetime) -> int:
    """Create the streams of connections authorized since the last plan.

    Also of those that were authorized again.

    Returns:
        How many connections were planned.
    """
    planned = 0
    for tenant, connection in _unplanned(at):
        try:
            plan(tenant, connection, at=at)
        except ConnectionClosedError:
            continue
        planned += 1
    return planned


def plan(tenant: UUID, connection: UUID, *, at: datetime) -> int:
    """Create missing streams of a connection and delete unneeded ones.

    The connection's features decide which it needs.

    Returns:
        How many streams were created.
    """
    with open_connection(tenant, connection, at=at) as opened:
        made = 0
        bulk = Bulk(tenant)
        wanted = [
            f"{kind.name}/{store}"
            for kind, store in streams_of(opened.view.features, opened.view.marketplace_ids)
        ]
        bulk.run(
            "delete from ingest_stream where tenant_id = %(tenant)s and connection_id ="
            " %(connection)s and name || '/' || marketplace_id <> all(%(wanted)s)",
            connection=connection,
            wanted=wanted,
        )
        stores = opened.view.marketplace_ids
        for kind, store in streams_of(opened.view.features, stores):
            cursor, total = kind.start(at)
            # Of most stores of a region Amazon denies reports. So the store that the seller chose
            # is first, and the others leave createReport's tokens to the order history.
            turn = stores.index(store) if kind.rationed else 0
            made += bulk.run(
                "insert into ingest_stream (tenant_id, connection_id, name, marketplace_id, cursor,"
                " work_total, due_at) values (%(tenant)s, %(connection)s, %(name)s, %(store)s,"
                " %(cursor)s, %(total)s, %(at)s) on conflict do nothing",
                connection=connection,
                name=kind.name,
                store=store,
                cursor=json.dumps(cursor),
                total=total,
                at=at + turn * _BETWEEN_STORES,
            )
        bulk.run(
            "insert into ingest_plan (tenant_id, connection_id, planned_for) values (%(tenant)s,"
            " %(connection)s, %(authorised)s) on conflict (tenant_id, connection_id) do update set"
            " planned_for = excluded.planned_for",
            connection=connection,
            authorised=opened.view.authorised_at or at,
        )
    return made


def due_streams(*, at: datetime, most: int = _MOST, using: str = "default") -> list[StreamKey]:
    """Return the streams that are due and that no worker runs.

    The longest waiting first.
    """
    return [
        StreamKey(*row)
        for row in sql_execution.rows(
            connections[using],
            "select tenant_id, connection_id, name, marketplace_id from guard.due_streams(%s, %s)",
            [at, most],
        )
    ]


def _unplanned(at: datetime) -> list[tuple[UUID, UUID]]:
    return [
        (tenant, connection)
        for tenant, connection in sql_execution.rows(
            connections["default"],
            "select tenant_id, connection_id from guard.unplanned_connections(%s, %s)",
            [at, _MOST],
        )
    ]
