"""Security page §6: derived data is erased within 30 days of the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, verdict
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import Eraser
from theseller.lib.translation_marks import gettext_noop
from theseller.retention.retention_limits import ERASURE_DAYS_MAX

CONTROL = Control(
    id="life-purge-30",
    section=6,
    title=gettext_noop("Everything derived from a connection is erased within 30 days of its end"),
    statement=gettext_noop(
        "A recurring job erases every row that came from an ended connection, rewrites the tables"
        " that contained them (VACUUM FULL) so that the bytes leave the disk, and certifies it."
        " Nothing has to be remembered for it: what has ended and has no certificate is due. The"
        " certificate is kept to; its connection's rows are counted again and again."
    ),
    citation="Security page §6; Data Protection Policy 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.erasure.tasks:erase_due_connections",
        "theseller.erasure.connection_erasure:erase_connection",
        "theseller.erasure.disk_sanitization:sanitize",
        "theseller.datamap",
    ),
    after=(Tag.CONNECTION_DISCONNECTED, Tag.CERTIFICATE_ISSUED),
)

#: The page's promise, written again here: the program's own limit may be stricter, and may not be
#: laxer.
_PROMISED_DAYS = 30
_ENDED = """
select count(*), count(c.id), min(d.at) filter (where c.id is null)
from connections_disconnection d
left join erasure_certificate c on c.tenant_id = d.tenant_id and c.subject_id = d.connection_id
"""
#: Certified without sanitization: tables or the planner's samples were not rewritten, or older WAL
#: was not removed.
_NOT_REWRITTEN = """
select count(*) from erasure_erasure p
join erasure_certificate c on c.tenant_id = p.tenant_id and c.subject_id = p.subject_id
where p.kind = 'connection' and p.erased_at is not null
  and (not p.rewritten ? 'pg_catalog.pg_statistic' or p.wal_from is null)
"""
#: Certified before the rows were counted as deleted.
_TOO_SOON = """
select count(*) from erasure_erasure p
join erasure_certificate c on c.tenant_id = p.tenant_id and c.subject_id = p.subject_id
where p.kind = 'connection' and (p.completed_at is null or c.issued_at < p.erased_at)
"""
_PUBLIC_KEYS = """
select public_key from erasure_certificate
group by 1 order by max(issued_at) desc limit 10
"""
#: From the certificates to the rows, so that each looks at its own shop's rows by their key. A
#: thousand of one are enough to know.
_ROWS_LEFT = """
select count(*) from erasure_certificate c cross join lateral (
    select from {table} t
    where t.tenant_id = c.tenant_id and t.{column} = c.subject_id limit 1000) l
where c.kind = 'connection'
"""
#: Derived rows name a store instead of a connection: one is left over if only certified connections
#: could have fed it.
_DERIVED_LEFT = """
select count(*) from {table} t
where exists (
    select from connections_connection n
    join erasure_certificate c on c.tenant_id = n.tenant_id and c.subject_id = n.id
    where n.tenant_id = t.tenant_id and t.marketplace_id = any(n.marketplace_ids || ''::text))
  and not exists (
    select from connections_connection o
    where o.tenant_id = t.tenant_id and t.marketplace_id = any(o.marketplace_ids || ''::text)
      and not exists (select from erasure_certificate c
        where c.tenant_id = o.tenant_id and c.subject_id = o.id))
"""


def probe(context: ProbeContext) -> Outcome:
    """Check ended connections without a certificate, and rows left of others."""
    ended, certified, waiting_since = context.rows(_ENDED)[0]
    failures = [*_left_over(context)]
    if skipped := context.number(_NOT_REWRITTEN):
        failures.append(
            f"{skipped} erasure(s) are certified although their tables were not rewritten: deleted"
            " bytes are left."
        )
    if early := context.number(_TOO_SOON):
        failures.append(f"{early} certificate(s) were issued before the erasure was complete.")
    days = (context.at - waiting_since).days if waiting_since else 0
    if waiting_since and context.at - waiting_since > timedelta(days=_PROMISED_DAYS):
        failures.append(f"A connection ended {days} days ago and is not proven erased.")
    if ERASURE_DAYS_MAX > _PROMISED_DAYS:
        failures.append(f"The program's own limit is {ERASURE_DAYS_MAX} days.")
    return verdict(
        certified,
        failures,
        f"{certified} of {ended} ended connection(s) are erased and certified, with no row left by"
        " a fresh count;"
        + (
            f" the oldest of the others has waited {days} day(s)."
            if waiting_since
            else " none is waiting."
        ),
        ended_connections=ended,
        certified=certified,
        oldest_waiting_days=days,
        tables_counted=len(list(_counts())),
        certificate_public_keys=[bytes(key).hex() for (key,) in context.rows(_PUBLIC_KEYS)],
    )


def _left_over(context: ProbeContext) -> Iterator[str]:
    for table, count in _counts():
        left = context.number(count)
        if left:
            yield f"{left} row(s) of {table} are left of connections that are certified as erased."


def _counts() -> Iterator[tuple[str, str]]:
    """Yield (table, count) for every table whose rows go with a connection.

    From the data map, not from the erasure's own plan.
    """
    for descriptor in descriptors():
        if (
            descriptor.eraser in {Eraser.DELETE_CONNECTION, Eraser.KEY}
            and descriptor.connection_column
        ):
            yield (
                descriptor.table,
                _ROWS_LEFT.format(table=descriptor.table, column=descriptor.connection_column),
            )
        elif descriptor.eraser is Eraser.REBUILD:
            yield descriptor.table, _DERIVED_LEFT.format(table=descriptor.table)
