"""Erase what came of a connection that has ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.queries import connection_view
from theseller.connections.types import ConnectionView, Origin
from theseller.crypto.key_types import Purpose
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.erasure.certificate_creation import keys_section
from theseller.erasure.erasable_tables import connection_tables
from theseller.erasure.erasure_base_class import Erasure, Step, delete_rows
from theseller.erasure.erasure_records import progress
from theseller.erasure.exclusive_erasure import ErasureLock, exclusive_erasure
from theseller.erasure.execution import erase_all
from theseller.erasure.failure_collection import Failures
from theseller.erasure.queries import count_left
from theseller.erasure.types import ErasureResult, JournalEntry, Subject, SubjectKind
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ACTOR, COUNTER, ERASER
from theseller.tenancy.tenant_scope import tenant_scope

#: Between the end of a connection, as its row says, and the key store's own time of the
#: destruction.
_LATE = timedelta(minutes=15)


class ConnectionOpenError(RuntimeError):
    """The connection has not ended: nothing may be erased."""


def closed_connection(tenant: UUID, connection: UUID) -> ConnectionView:
    """Return a connection that has ended.

    Raises:
        ConnectionOpenError: it is open or unknown.
    """
    with tenant_scope(tenant, using=ERASER):
        found = connection_view(connection, using=ERASER)
    if found is None or found.is_open or found.disconnected_at is None:
        raise ConnectionOpenError("only a connection that has ended is erased")
    return found


def erase_connection(
    *, connection: UUID, tenant: UUID, at: datetime, throttle: Throttle = UNTHROTTLED
) -> ErasureResult:
    """Erase everything derived from a closed connection and certify it.

    Call it again after a kill: it continues.

    Raises:
        ConnectionOpenError: the connection is open or unknown.
    """
    closed_connection(tenant, connection)
    (result,) = erase_connections(
        [Subject(SubjectKind.CONNECTION, connection, tenant)], at=at, throttle=throttle
    )
    return result


def erase_connections(
    due: Sequence[Subject],
    *,
    at: datetime,
    gather: timedelta = timedelta(0),
    throttle: Throttle = UNTHROTTLED,
    now: Callable[[], datetime] | None = None,
    wait: bool = True,
) -> tuple[ErasureResult, ...]:
    """Erase several connections that have ended, and certify each.

    The arguments are those of `execution.erase_all`.

    Only one process at a time erases connections. With `wait` this one takes its turn, else it does
    nothing while another is at it.

    Raises:
        ConnectionOpenError: one of them is open or unknown. The others are erased.
    """
    with exclusive_erasure(ErasureLock.CONNECTIONS, wait=wait) as locked:
        if not locked:
            return ()
        makers = [(one, partial(ConnectionErasure.of, one)) for one in due]
        return erase_all(makers, at=at, gather=gather, throttle=throttle, now=now)


class ConnectionErasure(Erasure):
    """The erasure of a closed connection."""

    intended, done = Tag.PURGE_INTENDED, Tag.PURGE_COMPLETED
    searched_for = (
        "the connection's id, which every row that came of it holds; derived tables hold none, and"
        " were rewritten whole"
    )

    def __init__(self, closed: ConnectionView) -> None:
        super().__init__(Subject(SubjectKind.CONNECTION, closed.id, closed.tenant))
        self.closed = closed
        #: The stores whose derived rows the connection fed. The blank one is that of money that
        #: belongs to no store.
        self.stores = [*closed.marketplace_ids, ""]

    @classmethod
    def of(cls, subject: Subject) -> ConnectionErasure:
        """Return the erasure of a connection by its ids.

        Raises:
            ConnectionOpenError: it is open or unknown, or no tenant is named.
        """
        if subject.tenant is None:
            raise ConnectionOpenError("a connection belongs to a tenant")
        return cls(closed_connection(subject.tenant, subject.id))

    def journal_entry(self, at: datetime) -> JournalEntry:
        """Return when and why the connection ended."""
        ended = self.closed.disconnected_at or at
        return JournalEntry(
            SubjectKind.CONNECTION,
            self.closed.id,
            ended,
            self.closed.tenant,
            self.closed.disconnect_reason,
        )

    def begin(self, at: datetime) -> None:
        """Make the record of this erasure, with the rows that there are."""
        if progress(self.subject) is not None:
            return
        plan = self.count()
        with tenant_scope(self.closed.tenant, using=ERASER):
            if sql_execution.execute(
                databases[ERASER],
                "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, begun_at,"
                " plan) values (%s, %s, %s, %s, %s, %s)"
                " on conflict (tenant_id, subject_id) do nothing",
                [
                    self.closed.tenant,
                    self.closed.id,
                    SubjectKind.CONNECTION.value,
                    self.closed.disconnected_at,
                    at,
                    json.dumps(plan),
                ],
            ):
                self._record(Tag.PURGE_INTENDED, at, plan)

    # other kinds record events at it
    def steps(self, at: datetime, throttle: Throttle) -> Iterator[Step]:  # noqa: ARG002
        """Yield a step for each table, or each month of a partitioned one."""
        for descriptor in connection_tables():
            if descriptor.eraser is Eraser.DELETE_CONNECTION and descriptor.partitions:
                with throttle.work():
                    months = self._months(descriptor)
                for month in months:
                    yield Step(
                        f"{descriptor.table}/{month:%Y-%m}",
                        self.closed.tenant,
                        partial(self._delete, descriptor, month),
                    )
            # A token's row was deleted with the disconnection; the recount confirms it.
            elif descriptor.eraser is not Eraser.KEY:
                yield Step(
                    descriptor.table, self.closed.tenant, partial(self._delete, descriptor, None)
                )

    # nothing is caught
    def after_steps(
        self,
        at: datetime,
        failures: Failures,  # noqa: ARG002
        throttle: Throttle,
    ) -> None:
        """Mark the days of other connections' facts in the same stores.

        Their rollups were deleted with this connection's and are computed again.
        """
        with (
            throttle.work(),
            tenant_scope(self.closed.tenant, using=ERASER),
            databases[ERASER].cursor() as cursor,
        ):
            for facts in ("ingest_order_line", "ingest_ledger_line"):
                cursor.execute(
                    "insert into ingest_dirty_day"  # noqa: S608
                    " (tenant_id, marketplace_id, local_day, marked_at) select distinct"
                    f" tenant_id, marketplace_id, local_day, %s::timestamptz from {facts}"
                    " where tenant_id = %s and connection_id <> %s and marketplace_id = any(%s)"
                    " order by 2, 3 on conflict do nothing",
                    [at, self.closed.tenant, self.closed.id, self.stores],
                )

    def count(self) -> dict[str, int]:
        """Count what is left, by table, under another database role."""
        return count_left(
            self.closed.tenant, self.closed.id, list(self.closed.marketplace_ids), using=COUNTER
        )

    def complete(self, at: datetime) -> None:
        """Record that the erasure is complete.

        The certificate names the place of this event in the audit log.
        """
        with tenant_scope(self.closed.tenant, using=ERASER):
            if sql_execution.execute(
                databases[ERASER],
                "update erasure_erasure set completed_at = %s where tenant_id = %s and"
                " subject_id = %s and completed_at is null",
                [at, self.closed.tenant, self.closed.id],
            ):
                self._record(Tag.PURGE_COMPLETED, at)

    def connections(self) -> tuple[UUID, ...]:
        """Return this connection: its keys have to be destroyed."""
        return (self.closed.id,)

    def certificate_fields(self) -> dict[str, object]:
        """Return the facts of the disconnection and what happened to the token."""
        ended = self.closed.disconnected_at
        return {
            "tenant_id": str(self.closed.tenant),
            "connection_id": str(self.closed.id),
            "region": self.closed.region.value,
            "disconnected_at": ended.isoformat() if ended else "",
            "reason": self.closed.disconnect_reason.value if self.closed.disconnect_reason else "",
            "refresh_token": self._token(keys_section((self.closed.id,))),
        }

    def _token(self, keys: list[dict[str, str]]) -> str:
        """Say what happened to the refresh token.

        Its key may have been destroyed later, in a key store that was put back from a copy.
        """
        if self.closed.origin is Origin.FILES:
            return "there was none: the data came by imported files"
        last = max(
            (
                datetime.fromisoformat(one["destroyed_at"])
                for one in keys
                if one["purpose"] == Purpose.REFRESH_TOKEN
            ),
            default=None,
        )
        if last is None:
            return (
                "deleted in the transaction of the disconnection; the key store has no record of"
                " its data key"
            )
        if self.closed.disconnected_at is not None and last - self.closed.disconnected_at > _LATE:
            return (
                "deleted in the transaction of the disconnection; its data key was destroyed on"
                f" {last.isoformat()}"
            )
        return "deleted, and its data key destroyed, in the transaction of the disconnection"

    def _months(self, descriptor: TableDescriptor) -> list[date]:
        with tenant_scope(self.closed.tenant, using=ERASER):
            return [
                row[0]
                for row in sql_execution.rows(
                    databases[ERASER],
                    # the data map's own names
                    "select distinct date_trunc('month', local_day)::date"  # noqa: S608
                    f" from {descriptor.table} where tenant_id = %s and connection_id = %s"
                    " order by 1",
                    [self.closed.tenant, self.closed.id],
                )
            ]

    def _delete(self, descriptor: TableDescriptor, month: date | None) -> Mapping[str, int]:
        table, tenant = descriptor.table, self.closed.tenant
        if descriptor.eraser is Eraser.REBUILD:
            rows = delete_rows(
                # as above
                f"delete from {table}"  # noqa: S608
                " where tenant_id = %s and marketplace_id = any(%s)",
                [tenant, self.stores],
            )
        else:
            of_month = (
                " and local_day >= %s and local_day < %s + interval '1 month'" if month else ""
            )
            rows = delete_rows(
                # as above
                f"delete from {table} where tenant_id = %s"  # noqa: S608
                f" and {descriptor.connection_column} = %s{of_month}",
                [tenant, self.closed.id, *([month, month] if month else [])],
            )
        return {table if month is None else f"{table}/{month:%Y-%m}": rows}

    def _record(self, tag: Tag, at: datetime, details: Mapping[str, int] | None = None) -> None:
        record(
            tag,
            actor=ACTOR,
            tenant=self.closed.tenant,
            subject=self.subject.name,
            at=at,
            details=details,
            using=ERASER,
        )
