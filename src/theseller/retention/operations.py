"""Erase what a closed connection left, prove it, certify it.

The ledger entry comes before the first deletion; each chunk of work and its mark in the ledger are one transaction, so a kill at any
point loses nothing and repeats nothing; the count at the end is made by another database role than the one that deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from django.db import transaction

from theseller import __version__
from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections.queries import connection_view
from theseller.connections.types import ConnectionView
from theseller.crypto.keys import Purpose
from theseller.crypto.signing import SigningKey, canonical_json
from theseller.datamap.types import Eraser, Holding
from theseller.lib.ids import new_id
from theseller.retention.certificate import FORMAT, signed_message
from theseller.retention.erasures import Ended, ledger_folder, write_entry
from theseller.retention.queries import count_left, erasable
from theseller.retention.types import Purged
from theseller.tenancy.scope import tenant_scope

#: The database role that deletes, and the one that counts afterwards.
ERASER, COUNTER = "retention", "probe"
ACTOR = "process:retention"


class StillOpenError(RuntimeError):
    """The connection has not ended: nothing may be erased."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One transaction's worth of deletion: a table, or a month of a table that is split by month."""

    holding: Holding
    month: date | None

    @property
    def name(self) -> str:
        return self.holding.table if self.month is None else f"{self.holding.table}/{self.month:%Y-%m}"


def purge(*, connection: UUID, tenant: UUID, at: datetime) -> Purged:
    """Erase everything derived from a closed connection and certify it. Call it again after a kill: it goes on where it was.

    Raises:
        StillOpenError: the connection is open or unknown.
    """
    closed = _closed(tenant, connection)
    _write_ledger(closed)
    done = _begin(closed, at=at)
    for chunk in _chunks(closed):
        if chunk.name not in done:
            done[chunk.name] = _erase(closed, chunk)
    _rebuild_what_others_share(closed, at=at)
    left = count_left(tenant, connection, list(closed.marketplace_ids), using=COUNTER)
    completed = not any(left.values())
    if completed:
        _certify(closed, done, left, at=at)
    else:
        _forget_marks(closed)  # Something was written after its chunk: the next run deletes again, and counts again.
    return Purged(connection, done, left, completed)


def _closed(tenant: UUID, connection: UUID) -> ConnectionView:
    with tenant_scope(tenant, using=ERASER):
        found = connection_view(connection, using=ERASER)
    if found is None or found.is_open:
        raise StillOpenError("only a connection that has ended is erased")
    return found


def _write_ledger(closed: ConnectionView) -> None:
    """Write outside the database, before anything is destroyed, that this connection ended: a restored database is made to forget it."""
    if closed.disconnected_at is None:
        raise StillOpenError("only a connection that has ended is erased")
    entry = Ended(closed.id, closed.tenant, closed.disconnected_at, closed.disconnect_reason)
    write_entry(ledger_folder(settings.ENVIRONMENT.state), entry)


def _begin(closed: ConnectionView, *, at: datetime) -> dict[str, int]:
    """Write the plan, with what is there now, before anything is destroyed; return the chunks that an earlier run finished."""
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute("select steps_done from retention_purge where tenant_id = %s and connection_id = %s", [closed.tenant, closed.id])
        row = cursor.fetchone()
        if row is not None:
            return json.loads(row[0]) if isinstance(row[0], str) else dict(row[0])
        plan = count_left(closed.tenant, closed.id, list(closed.marketplace_ids), using=COUNTER)
        cursor.execute(
            "insert into retention_purge (tenant_id, connection_id, id, disconnected_at, begun_at, plan) values (%s, %s, %s, %s, %s, %s)",
            [closed.tenant, closed.id, new_id(), closed.disconnected_at, at, json.dumps(plan)],
        )
        record(Tag.PURGE_INTENDED, actor=ACTOR, tenant=closed.tenant, subject=f"connection:{closed.id}", at=at, details=plan, using=ERASER)
    return {}


def _chunks(closed: ConnectionView) -> Iterator[_Chunk]:
    for holding in erasable():
        if holding.eraser is Eraser.DELETE_CONNECTION and holding.partitions:
            yield from (_Chunk(holding, month) for month in _months(closed, holding))
        elif holding.eraser is not Eraser.KEY:  # A token's row went with the disconnection; the final count confirms it.
            yield _Chunk(holding, None)


def _months(closed: ConnectionView, holding: Holding) -> list[date]:
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            f"select distinct date_trunc('month', local_day)::date from {holding.table}"  # noqa: S608  # the data map's own names
            " where tenant_id = %s and connection_id = %s order by 1",
            [closed.tenant, closed.id],
        )
        return [row[0] for row in cursor.fetchall()]


def _erase(closed: ConnectionView, chunk: _Chunk) -> int:
    """Delete one chunk and mark it in the ledger, both or neither; return the rows deleted."""
    table = chunk.holding.table
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        if chunk.holding.eraser is Eraser.REBUILD:
            cursor.execute(
                f"delete from {table} where tenant_id = %s and marketplace_id = any(%s)",  # noqa: S608
                [closed.tenant, list(closed.marketplace_ids)],
            )
        else:
            month = " and local_day >= %s and local_day < %s + interval '1 month'" if chunk.month else ""
            cursor.execute(
                f"delete from {table} where tenant_id = %s and {chunk.holding.connection_column} = %s{month}",  # noqa: S608
                [closed.tenant, closed.id, *([chunk.month, chunk.month] if chunk.month else [])],
            )
        deleted = cursor.rowcount
        cursor.execute(
            "update retention_purge set steps_done = steps_done || jsonb_build_object(%s::text, %s::bigint)"
            " where tenant_id = %s and connection_id = %s",
            [chunk.name, deleted, closed.tenant, closed.id],
        )
    return int(deleted)


def _rebuild_what_others_share(closed: ConnectionView, *, at: datetime) -> None:
    """Have the rollups of a store that another open connection also feeds made again from that connection's rows."""
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        for facts in ("ingest_order_line", "ingest_ledger_line"):
            cursor.execute(
                "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"  # noqa: S608
                f" select distinct tenant_id, marketplace_id, local_day, %s::timestamptz from {facts}"
                " where tenant_id = %s and connection_id <> %s and marketplace_id = any(%s) order by 2, 3 on conflict do nothing",
                [at, closed.tenant, closed.id, list(closed.marketplace_ids)],
            )


def _forget_marks(closed: ConnectionView) -> None:
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "update retention_purge set steps_done = '{}' where tenant_id = %s and connection_id = %s", [closed.tenant, closed.id]
        )


def _certify(closed: ConnectionView, deleted: dict[str, int], left: dict[str, int], *, at: datetime) -> None:
    key = _signing_key()
    certificate = new_id()
    body = _body(closed, certificate, deleted, left, at=at)
    public_key = key.public_bytes
    signature = key.sign(signed_message(body, public_key.hex()))
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "update retention_purge set completed_at = %s where tenant_id = %s and connection_id = %s", [at, closed.tenant, closed.id]
        )
        cursor.execute(
            "insert into retention_certificate (tenant_id, connection_id, id, body, signature, public_key, issued_at)"
            " values (%s, %s, %s, %s, %s, %s, %s) on conflict (tenant_id, connection_id) do nothing",
            [closed.tenant, closed.id, certificate, canonical_json(body), signature, public_key, at],
        )
        for tag in (Tag.PURGE_COMPLETED, Tag.CERTIFICATE_ISSUED):
            record(tag, actor=ACTOR, tenant=closed.tenant, subject=f"connection:{closed.id}", at=at, using=ERASER)


def _body(closed: ConnectionView, certificate: UUID, deleted: dict[str, int], left: dict[str, int], *, at: datetime) -> dict[str, object]:
    by_table: dict[str, int] = {}
    for name, rows in deleted.items():
        table = name.split("/", 1)[0]
        by_table[table] = by_table.get(table, 0) + rows
    ended = closed.disconnected_at
    return {
        "format": FORMAT,
        "certificate_id": str(certificate),
        "issued_at": at.isoformat(),
        "deployment": settings.ENVIRONMENT.public_url,
        "deployment_kind": settings.ENVIRONMENT.kind.value,
        "software": f"TheSeller {__version__}",
        "tenant_id": str(closed.tenant),
        "connection_id": str(closed.id),
        "region": closed.region.value,
        "disconnected_at": ended.isoformat() if ended else "",
        "reason": closed.disconnect_reason.value if closed.disconnect_reason else "",
        "refresh_token": "deleted, and its data key destroyed, in the transaction of the disconnection",
        "rows": [{"table": table, "deleted": by_table.get(table, 0), "left": left[table]} for table in sorted(left)],
        "counted_by": "an independent query under another database role, after the last deletion",
    }


def _signing_key() -> SigningKey:
    """Return the deployment's certificate key, made at its first use."""
    store = settings.KEY_STORE
    live = [entry for entry in store.list() if entry.purpose is Purpose.SIGNING and entry.owner == "certificates" and not entry.destroyed]
    data_key = store.get(live[-1].id) if live else store.create(Purpose.SIGNING, "certificates")
    return SigningKey.from_secret(data_key.material)


def record_download(*, connection: UUID, certificate: UUID, tenant: UUID, actor: str, at: datetime) -> None:
    """Note in the audit log that a certificate was downloaded."""
    with transaction.atomic():
        record(
            Tag.CERTIFICATE_DOWNLOADED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
            details={"certificate": str(certificate)},
        )
