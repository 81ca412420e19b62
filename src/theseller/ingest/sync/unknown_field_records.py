"""Records of fields that Amazon sends and this version does not know.

Their paths and how often they were seen, never a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from theseller.ingest.facts.bulk_writer import Bulk

_PATH = re.compile(r"[A-Za-z0-9_.\[\]-]{1,120}")


def note_drift(
    paths: Iterable[str],
    *,
    operation: str,
    tenant: UUID,
    connection: UUID,
    at: datetime,
    using: str = "default",
) -> int:
    """Note that an answer of `operation` had `paths`.

    Runs inside the caller's tenant scope. A text that is no path (a decoder never makes one) is
    noted as ``-``, so that the notice of a new field is not lost.

    Returns:
        How many were noted.
    """
    found = sorted({path if _PATH.fullmatch(path) else "-" for path in paths})
    if found:
        Bulk(tenant, using).run(
            """
            insert into ingest_drift as d (tenant_id, connection_id, operation, path, first_seen_at,
                last_seen_at, times_seen)
            select %(tenant)s, %(connection)s, %(operation)s, path, %(at)s, %(at)s, 1
            from unnest(%(paths)s::text[]) as p (path) order by path
            on conflict (tenant_id, connection_id, operation, path) do update
            set last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at),
                times_seen = d.times_seen + 1
            """,
            connection=connection,
            operation=operation,
            paths=found,
            at=at,
        )
    return len(found)
