"""Delete the rows that came of a closed connection, a chunk at a time, each with its mark in the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections.queries import connection_view
from theseller.connections.types import ConnectionView
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.erasure.connection_journal import journal_folder, write_entry
from theseller.erasure.journal import Ended
from theseller.erasure.queries import count_left, erasable
from theseller.erasure.records import mark_step, note, progress, restart_erasure
from theseller.erasure.throttle import UNTHROTTLED, Throttle
from theseller.erasure.types import Progress, Subject, SubjectKind
from theseller.lib.ids import new_id
from theseller.retention.roles import ACTOR, COUNTER, ERASER
from theseller.tenancy.scope import tenant_scope


class ConnectionOpenError(RuntimeError):
    """The connection has not ended: nothing may be erased."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One transaction's worth of deletion: a table, or a month of a table that is split by month."""

    descriptor: TableDescriptor
    month: date | None

    @property
    def name(self) -> str:
        return self.descriptor.table if self.month is None else f"{self.descriptor.table}/{self.month:%Y-%m}"


def closed_connection(tenant: UUID, connection: UUID) -> ConnectionView:
    with tenant_scope(tenant, using=ERASER):
        found = connection_view(connection, using=ERASER)
    if found is None or found.is_open:
        raise ConnectionOpenError("only a connection that has ended is erased")
    return found


def _write_ledger(closed: ConnectionView) -> None:
    """Write outside the database, before anything is destroyed, that this connection ended: a restored database is made to forget it."""
    if closed.disconnected_at is None:
        raise ConnectionOpenError("only a connection that has ended is erased")
    entry = Ended(closed.id, closed.tenant, closed.disconnected_at, closed.disconnect_reason)
    write_entry(journal_folder(settings.ENVIRONMENT.state), entry, settings.KEY_STORE)


def erase_rows(closed: ConnectionView, *, at: datetime, throttle: Throttle = UNTHROTTLED) -> dict[str, int]:
    """Delete whatever no earlier run deleted, and return what is left by the other role's count: all zero, or the marks are gone.

    Raises:
        StillOpenError: the connection has not ended.
    """
    _write_ledger(closed)
    with throttle.work():
        done = _begin(closed, at=at)
    for chunk in _chunks(closed, throttle):
        if chunk.name not in done:
            with throttle.work():
                done[chunk.name] = _erase(closed, chunk)
    with throttle.work():
        _rebuild_what_others_share(closed, at=at)
    left = still_left(closed, throttle)
    if any(left.values()):
        restart_erasure(subject_of(closed))  # Something was written after its chunk: the next run deletes again, and counts again.
    else:
        _mark_erased(closed, at=at)
    return left


def still_left(closed: ConnectionView, throttle: Throttle = UNTHROTTLED) -> dict[str, int]:
    """Count what is left, table by table, under another database role than the one that deletes."""
    with throttle.work():
        return count_left(closed.tenant, closed.id, list(closed.marketplace_ids), using=COUNTER)


def stores_of(closed: ConnectionView) -> list[str]:
    """Return the stores whose derived rows a connection fed; the blank one is that of money that belongs to no store."""
    return [*closed.marketplace_ids, ""]


def subject_of(closed: ConnectionView) -> Subject:
    return Subject(SubjectKind.CONNECTION, closed.id, closed.tenant)


def progress_of(closed: ConnectionView) -> Progress | None:
    """Return what the ledger says of this erasure; None before it has begun."""
    return progress(subject_of(closed))


def _begin(closed: ConnectionView, *, at: datetime) -> dict[str, int]:
    """Write the plan, with what is there now, before anything is destroyed; return the chunks that an earlier run finished."""
    known = progress_of(closed)
    if known is not None:
        return known.deleted
    plan = still_left(closed)
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "insert into retention_purge (tenant_id, connection_id, id, disconnected_at, begun_at, plan) values (%s, %s, %s, %s, %s, %s)"
            " on conflict (tenant_id, connection_id) do nothing",
            [closed.tenant, closed.id, new_id(), closed.disconnected_at, at, json.dumps(plan)],
        )
        if cursor.rowcount:
            record(
                Tag.PURGE_INTENDED, actor=ACTOR, tenant=closed.tenant, subject=f"connection:{closed.id}", at=at, details=plan, using=ERASER
            )
    return {}


def _mark_erased(closed: ConnectionView, *, at: datetime) -> None:
    """Note when the rows went, and a transaction's number after all that deleted them."""
    note(
        subject_of(closed),
        "erased_at = coalesce(erased_at, %s), erased_xid = coalesce(erased_xid, pg_current_xact_id()::text::bigint)",
        [at],
    )


def _chunks(closed: ConnectionView, throttle: Throttle) -> Iterator[_Chunk]:
    for descriptor in erasable():
        if descriptor.eraser is Eraser.DELETE_CONNECTION and descriptor.partitions:
            with throttle.work():
                months = _months(closed, descriptor)
            yield from (_Chunk(descriptor, month) for month in months)
        elif descriptor.eraser is not Eraser.KEY:  # A token's row went with the disconnection; the final count confirms it.
            yield _Chunk(descriptor, None)


def _months(closed: ConnectionView, descriptor: TableDescriptor) -> list[date]:
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            f"select distinct date_trunc('month', local_day)::date from {descriptor.table}"  # noqa: S608  # the data map's own names
            " where tenant_id = %s and connection_id = %s order by 1",
            [closed.tenant, closed.id],
        )
        return [row[0] for row in cursor.fetchall()]


def _erase(closed: ConnectionView, chunk: _Chunk) -> int:
    """Delete one chunk and mark it in the ledger, both or neither; return the rows deleted."""
    table = chunk.descriptor.table
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        if chunk.descriptor.eraser is Eraser.REBUILD:
            cursor.execute(
                f"delete from {table} where tenant_id = %s and marketplace_id = any(%s)",  # noqa: S608
                [closed.tenant, stores_of(closed)],
            )
        else:
            month = " and local_day >= %s and local_day < %s + interval '1 month'" if chunk.month else ""
            cursor.execute(
                f"delete from {table} where tenant_id = %s and {chunk.descriptor.connection_column} = %s{month}",  # noqa: S608
                [closed.tenant, closed.id, *([chunk.month, chunk.month] if chunk.month else [])],
            )
        deleted = cursor.rowcount
        mark_step(subject_of(closed), chunk.name, deleted)
    return int(deleted)


def _rebuild_what_others_share(closed: ConnectionView, *, at: datetime) -> None:
    """Have the rollups of a store that another open connection also feeds made again from that connection's rows."""
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        for facts in ("ingest_order_line", "ingest_ledger_line"):
            cursor.execute(
                "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"  # noqa: S608
                f" select distinct tenant_id, marketplace_id, local_day, %s::timestamptz from {facts}"
                " where tenant_id = %s and connection_id <> %s and marketplace_id = any(%s) order by 2, 3 on conflict do nothing",
                [at, closed.tenant, closed.id, stores_of(closed)],
            )
