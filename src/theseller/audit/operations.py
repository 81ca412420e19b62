"""Write the audit log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connections

from theseller.audit.event_types import Tag
from theseller.lib import sql_execution
from theseller.lib.ids import new_id


def record(
    tag: Tag,
    *,
    actor: str,
    tenant: UUID | None,
    subject: str,
    at: datetime,
    details: Mapping[str, str | int | bool | None] | None = None,
    using: str = "default",
) -> UUID:
    """Append one event and return its id.

    It is written in the transaction that is open on `using`. Call it inside the transaction of the
    effect, so that neither exists without the other. For what can't be undone, commit an
    `…_INTENDED` event first and record the outcome with the effect.
    """
    event = new_id()
    # Plain SQL: the application may insert here but not read, so no RETURNING.
    sql_execution.execute(
        connections[using],
        "insert into audit_event (id, at, tag, actor, tenant_id, subject, details) values (%s, %s,"
        " %s, %s, %s, %s, %s)",
        [event, at, tag.value, actor, tenant, subject, json.dumps(dict(details or {}))],
    )
    return event
