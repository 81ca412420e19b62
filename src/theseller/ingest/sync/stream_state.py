"""The table of streams: leases, cursors, progress and outcomes.

All functions run inside the caller's tenant scope. The table decides what runs; a job only starts
it. A lost job, a doubled job or a killed worker changes nothing but the time.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.types import Advance, Lease, Outcome, StreamKey
from theseller.lib.ids import new_id

#: Longer than one call may take (ten seconds to connect, thirty to answer), short enough that the
#: streams of a killed worker go on within a minute. Renewed by each commit.
LEASE_LENGTH = timedelta(seconds=45)
#: How long one stream may keep a worker's slot before the others have their turn.
TURN = timedelta(seconds=8)

_KEY = (
    "tenant_id = %(tenant)s and connection_id = %(connection)s and name = %(name)s and"
    " marketplace_id = %(store)s"
)


class LeaseLostError(RuntimeError):
    """Another worker runs this stream now.

    The lease of this worker expired during a step. What it was about to write is rolled back.
    """


def take_lease(key: StreamKey, *, at: datetime) -> Lease | None:
    """Take the right to run a stream that is due and that no worker runs.

    None if there is no such stream.
    """
    lease_id = new_id()
    bulk = Bulk(key.tenant)
    # A worker that is just committing a long write holds the row: it is not waited for.
    found = bulk.rows(
        "with free as materialized (select 1 from ingest_stream where "  # noqa: S608
        f"{_KEY} for update skip locked) "
        "update ingest_stream set lease_id = %(lease)s, lease_expires_at = "
        f"%(expires)s, last_attempt_at = %(at)s where {_KEY} and due_at <= %(at)s and "
        "(lease_expires_at is null or lease_expires_at < %(at)s) and exists (select from free) "
        "returning cursor, work_done, work_total, failures_in_row, fresh_until, due_at",
        **_of(key),
        lease=lease_id,
        expires=at + LEASE_LENGTH,
        at=at,
    )
    # Django has its connections return jsonb as text.
    return Lease(key, lease_id, json.loads(found[0][0]), *found[0][1:]) if found else None


def advance(lease: Lease, step: Advance, *, at: datetime) -> Lease:
    """Record where a step left its stream, and renew the lease.

    Runs in the transaction of what the step wrote. A stream that is due no more in this turn gives
    its lease back at once; `release` does it otherwise.

    Raises:
        LeaseLostError: another worker has taken the stream.
    """
    after = replace(
        lease,
        cursor=lease.cursor if step.cursor is None else step.cursor,
        work_done=lease.work_done if step.work_done is None else step.work_done,
        work_total=lease.work_total if step.work_total is None else step.work_total,
        fresh_until=step.fresh_until or lease.fresh_until,
        failures_in_row=0,
        due_at=step.due_at,
        is_released=step.due_at > at + TURN,
    )
    touched = Bulk(lease.key.tenant).run(
        "update ingest_stream set cursor = %(cursor)s, work_done = %(done)s, "  # noqa: S608
        "work_total = %(total)s, due_at = %(due)s, lease_id = %(kept)s, "
        "lease_expires_at = %(expires)s, last_success_at = %(at)s, last_outcome = %(outcome)s, "
        f"failures_in_row = 0, fresh_until = %(fresh)s where {_KEY} and lease_id = %(lease)s",
        **_of(lease.key),
        cursor=json.dumps(after.cursor),
        done=after.work_done,
        total=max(after.work_total, after.work_done),
        due=after.due_at,
        kept=None if after.is_released else lease.id,
        expires=None if after.is_released else at + LEASE_LENGTH,
        at=at,
        outcome=step.outcome.value,
        fresh=after.fresh_until,
        lease=lease.id,
    )
    if touched != 1:
        raise LeaseLostError("another worker runs this stream")
    return after


def renew(lease: Lease, *, at: datetime) -> None:
    """Keep the lease through a long step. Raises LeaseLostError."""
    touched = Bulk(lease.key.tenant).run(
        f"update ingest_stream set lease_expires_at = %(expires)s where {_KEY} and "  # noqa: S608
        "lease_id = %(lease)s",
        **_of(lease.key),
        expires=at + LEASE_LENGTH,
        lease=lease.id,
    )
    if touched != 1:
        raise LeaseLostError("another worker runs this stream")


def fail(lease: Lease, outcome: Outcome, due_at: datetime, *, counts: bool) -> None:
    """Record that a step failed, and give the lease back.

    `counts`: whether the next failure waits longer.
    """
    Bulk(lease.key.tenant).run(
        "update ingest_stream set due_at = %(due)s, last_outcome = %(outcome)s, "  # noqa: S608
        "failures_in_row = failures_in_row + %(one)s, lease_id = null, lease_expires_at = null "
        f"where {_KEY} and lease_id = %(lease)s",
        **_of(lease.key),
        due=due_at,
        outcome=outcome.value,
        one=int(counts),
        lease=lease.id,
    )


def release(lease: Lease) -> None:
    """Give the lease back."""
    Bulk(lease.key.tenant).run(
        "update ingest_stream set lease_id = null, lease_expires_at = null where "  # noqa: S608
        f"{_KEY} and lease_id = %(lease)s",
        **_of(lease.key),
        lease=lease.id,
    )


def make_due(key: StreamKey, *, at: datetime) -> None:
    """Make a stream due that a clock dated which was ahead; end its lease.

    A worker that has the lease loses it: what it was about to write is rolled back.
    """
    Bulk(key.tenant).run(
        "update ingest_stream set due_at = %(at)s, last_attempt_at = %(at)s, lease_id = null, "  # noqa: S608
        f"lease_expires_at = null where {_KEY}",
        **_of(key),
        at=at,
    )


def wake_unconfirmed(key: StreamKey, *, at: datetime) -> None:
    """Make the connection's streams due that wait for its seller's name.

    A stream whose row another transaction is writing is left out.
    """
    Bulk(key.tenant).run(
        "update ingest_stream s set due_at = %(at)s, failures_in_row = 0 from (  select name,"
        " marketplace_id from ingest_stream where tenant_id = %(tenant)s and connection_id ="
        " %(connection)s  and last_outcome = %(waiting)s and lease_id is null for update skip"
        " locked) w where s.tenant_id = %(tenant)s and s.connection_id = %(connection)s and s.name"
        " = w.name and s.marketplace_id = w.marketplace_id",
        connection=key.connection,
        waiting=Outcome.SELLER_UNCONFIRMED.value,
        at=at,
    )


def _of(key: StreamKey) -> dict[str, Any]:
    return {"connection": key.connection, "name": key.name, "store": key.marketplace_id}
