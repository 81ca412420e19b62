"""Security page §5: no derived data is left after a deletion.

After a disconnection, tenant deletion or account deletion; copies end with their keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools import backup_inspection
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, verdict
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass, Eraser, TableDescriptor
from theseller.lib.translation_marks import gettext_noop
from theseller.retention.retention_limits import BACKUP_DAYS, BACKUP_DAYS_MAX, ERASURE_DAYS_MAX

CONTROL = Control(
    id="pii-delete-on-disconnect",
    section=5,
    title=gettext_noop(
        "Everything derived is erased within 30 days of leaving, and from backups at their next"
        " rotation"
    ),
    statement=gettext_noop(
        "Whether a connection ends, a shop or an account: what came of it is erased and stays"
        " erased. Who ended is read from the audit log, which outlives them, and what may be left"
        " is looked for in every table that has a column for whose a row is, whatever the erasure"
        " planned. The keys of deleted subjects are destroyed; a backup expires after 28 days, when"
        " its own key is destroyed."
    ),
    citation="Security page §5; Data Protection Policy 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.erasure.connection_erasure:erase_connection",
        "theseller.erasure.tenant_and_user_erasure:erase_tenants_and_users",
        "theseller.erasure.user_erasure:erase_users",
        "theseller.backups.operations:prune",
        "theseller.datamap",
    ),
    after=(
        Tag.CONNECTION_DISCONNECTED,
        Tag.CERTIFICATE_ISSUED,
        Tag.SHOP_ERASED,
        Tag.ACCOUNT_ERASED,
        Tag.BACKUP_ENDED,
    ),
)

#: The page's promise, written again here: the program's own limits may be stricter, and may not be
#: laxer.
_PROMISED_DAYS, _PROMISED_BACKUP_DAYS = 30, 90
#: A machine that was off ends at once what became due meanwhile.
_LATE = timedelta(days=1)
_WITH_AN_OWNER = {DataClass.SELLER_FACTS, DataClass.CREDENTIALS, DataClass.SELLER_PERSONAL}
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
#: Every connection that ended, by the log as well as by its record: the log knows of those whose
#: record went with their shop.
_ENDED = """
select e.connection_id, e.at, c.issued_at, d.connection_id is not null
  or (c.issued_at is not null and n.id is null)
from (
    select tenant_id, connection_id, min(at) as at from (
        select substring(subject from 12)::uuid as connection_id, tenant_id, at from audit_event
        where tag = %s and subject ~ '^connection:[0-9a-f-]{36}$'
        union all select connection_id, tenant_id, at from connections_disconnection) each
          group by 1, 2) e
left join connections_connection n on n.tenant_id = e.tenant_id and n.id = e.connection_id
left join erasure_certificate c on c.tenant_id = e.tenant_id and c.subject_id = e.connection_id
left join connections_disconnection d on d.tenant_id = e.tenant_id
  and d.connection_id = e.connection_id
"""
_SHOPS = "select subject_id, requested_at, completed_at from erasure_erasure where kind = 'shop'"
_PEOPLE = (
    "select subject_id, requested_at, completed_at from erasure_erasure"
    " where kind = 'person' and not kept"
)
#: The tables as they are, with the columns that say whose a row is.
_TABLES = """
select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end,
  quote_ident(n.nspname) || '.' || quote_ident(c.relname), array_agg(a.attname::text)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where c.relkind in ('r', 'p') and not c.relispartition
  and case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end = any(%s)
  and n.nspname !~ '^(pg_|information_schema$)'
  and a.attnum > 0 and not a.attisdropped
group by 1, 2
"""
#: From certified subjects to rows, each by their key. A thousand of one are enough.
_OF_CONNECTION = """
select count(*) from erasure_certificate c cross join lateral (
    select from {table} t where t.{tenant} = c.tenant_id and t.{column} = c.subject_id limit 1000) l
where c.kind = 'connection'
"""
#: Stores that only certified connections fed: nothing is left to derive a row from.
_OF_STORE = """
select count(*) from (
    select n.tenant_id, m.store from connections_connection n
      cross join unnest(n.marketplace_ids || ''::text) m (store)
    join erasure_certificate c on c.tenant_id = n.tenant_id and c.subject_id = n.id
    except
    select o.tenant_id, m.store from connections_connection o
      cross join unnest(o.marketplace_ids || ''::text) m (store)
    where not exists (
        select from erasure_certificate c
        where c.tenant_id = o.tenant_id and c.subject_id = o.id)) s
cross join lateral (select from {table} t where t.{tenant} = s.tenant_id
  and t.marketplace_id = s.store limit 1000) l
"""
_OF_SHOP = """
select count(*) from erasure_erasure e cross join lateral (
    select from {table} t where t.{column} = e.subject_id limit 1000) l
where e.kind = 'shop' and e.completed_at is not null
"""
_OF_PERSON = """
select count(*) from erasure_erasure e cross join lateral (
    select from {table} t where t.{column} = e.subject_id limit 1000) l
where e.kind = 'person' and e.completed_at is not null and not e.kept
"""


@dataclass(frozen=True, slots=True)
class _End:
    """A subject that ended.

    `erased_at` is None until the erasure is proven; `settled` is False if the database has no
    record of the end.
    """

    id: UUID
    at: datetime
    erased_at: datetime | None
    settled: bool = True


@dataclass(frozen=True, slots=True)
class _Table:
    descriptor: TableDescriptor
    relation: str
    columns: frozenset[str]


def probe(context: ProbeContext) -> Outcome:
    """Check every deleted subject: rows, keys, late erasures, and backups."""
    connections = [_End(*row) for row in context.rows(_ENDED, [Tag.CONNECTION_DISCONNECTED.value])]
    shops, people = ([_End(*row) for row in context.rows(query)] for query in (_SHOPS, _PEOPLE))
    counts = list(_counts(context))
    failures = [
        *_rows_left(context, counts),
        *_unsettled(connections),
        *(
            problem
            for kind, ends in (("connection", connections), ("shop", shops), ("account", people))
            for problem in _late(context, kind, ends)
        ),
        *_live_keys(context, connections, shops),
        *_limits(),
        *_backups_too_old(context),
    ]
    untestable = backup_inspection.why_not_testable()
    if isinstance(untestable, Unknown) and not failures:
        return untestable
    subjects = [*connections, *shops, *people]
    erased = sum(one.erased_at is not None for one in subjects)
    return verdict(
        erased,
        failures,
        f"{len(connections)} connection(s), {len(shops)} shop(s) and {len(people)} account(s)"
        f" ended; {erased} are erased, with no row left in {len({table for table, _ in counts})}"
        f" tables and no key alive. No backup is older than {BACKUP_DAYS} days.",
        connections=len(connections),
        shops=len(shops),
        accounts=len(people),
        erased=erased,
        counts_made=len(counts),
        oldest_backup_days=max(
            (context.at - made for made in _readable_backups(context)), default=timedelta(0)
        ).days,
    )


def _counts(context: ProbeContext) -> Iterator[tuple[str, str]]:
    """Yield (table, count) for each table and each kind of owner.

    A kind of owner is one that the table's columns can name. What the data map keeps on purpose is
    left out.
    """
    found = {
        descriptor.table: descriptor
        for descriptor in descriptors()
        if descriptor.eraser is not Eraser.KEEP
    }
    for name, relation, columns in sorted(context.rows(_TABLES, [list(found)])):
        yield from (
            (name, query) for query in _queries(_Table(found[name], relation, frozenset(columns)))
        )


def _queries(table: _Table) -> Iterator[str]:
    descriptor, tenant = table.descriptor, table.descriptor.tenant_column
    if tenant is not None:
        yield _OF_SHOP.format(table=table.relation, column=tenant)
        goes = descriptor.data_class in _WITH_AN_OWNER or descriptor.eraser in {
            Eraser.DELETE_CONNECTION,
            Eraser.REBUILD,
            Eraser.KEY,
        }
        column = descriptor.connection_column or (
            "connection_id" if "connection_id" in table.columns else None
        )
        if goes and column:
            yield _OF_CONNECTION.format(table=table.relation, tenant=tenant, column=column)
        elif goes and descriptor.eraser is Eraser.REBUILD:
            yield _OF_STORE.format(table=table.relation, tenant=tenant)
    if "user_id" in table.columns:
        yield _OF_PERSON.format(table=table.relation, column="user_id")
    elif descriptor.eraser is Eraser.DELETE_USER:
        yield _OF_PERSON.format(table=table.relation, column="id")


def _rows_left(context: ProbeContext, counts: list[tuple[str, str]]) -> Iterator[str]:
    left: dict[str, int] = {}
    for table, query in counts:
        if number := context.number(query):
            left[table] = left.get(table, 0) + number
    yield from (
        f"{number} row(s) of {table} belong to a subject that is certified as erased."
        for table, number in left.items()
    )


def _unsettled(connections: list[_End]) -> Iterator[str]:
    lost = sum(not one.settled for one in connections)
    if lost:
        yield (
            f"{lost} connection(s) ended by the audit log, and are open again, or went without a"
            " certificate."
        )


def _late(context: ProbeContext, kind: str, ends: list[_End]) -> Iterator[str]:
    late = [
        one
        for one in ends
        if one.erased_at is None and context.at - one.at > timedelta(days=_PROMISED_DAYS)
    ]
    if late:
        yield (
            f"{len(late)} {kind}(s) ended more than {_PROMISED_DAYS} days ago and are not proven"
            " erased."
        )


def _live_keys(context: ProbeContext, connections: list[_End], shops: list[_End]) -> Iterator[str]:
    ended = {one.id for one in connections} | {one.id for one in shops if one.erased_at is not None}
    alive = sum(
        not ended.isdisjoint(map(UUID, _UUID.findall(entry.owner)))
        for entry in context.keys.list()
        if not entry.destroyed
    )
    if alive:
        yield f"{alive} key(s) of connections or shops that ended can still be used."


def _limits() -> Iterator[str]:
    if (
        ERASURE_DAYS_MAX > _PROMISED_DAYS
        or max(BACKUP_DAYS, BACKUP_DAYS_MAX) > _PROMISED_BACKUP_DAYS
    ):
        yield (
            f"The program's own limits are {ERASURE_DAYS_MAX} days for an erasure and"
            f" {max(BACKUP_DAYS, BACKUP_DAYS_MAX)} for a backup."
        )


def _readable_backups(context: ProbeContext) -> list[datetime]:
    return (
        list(backup_inspection.live_backup_keys(context).values())
        if backup_inspection.why_not_testable() is None
        else []
    )


def _backups_too_old(context: ProbeContext) -> Iterator[str]:
    old = sum(
        context.at - made > timedelta(days=BACKUP_DAYS) + _LATE
        for made in _readable_backups(context)
    )
    if old:
        yield f"{old} backup(s) older than {BACKUP_DAYS} days can still be read."
