# statements are put together from the constants of this module; every value is a bound parameter
"""Writing of customers' returns, inside the caller's tenant scope.

Amazon numbers no return, and two equal rows are two returned units. Rows of one instant, order,
SKU and FNSKU are a group, which no range of a report can cut: the range is one of instants. Of
each group the most that any one file has is stored, so files count a return once however they
overlap, and in any order. What may change later (condition, status) is not part of the key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from theseller.amazon.reports.customer_returns import CustomerReturnsLine
from theseller.ingest.facts.advisory_lock_numbers import RETURNS_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.ingest.facts.fact_row_types import RETURN_COLUMNS, ReturnRow, names_of
from theseller.ingest.types import WriteResult
from theseller.lib.marketplaces import MARKETPLACES, Marketplace

_KEY = "returned_at, order_id, sku, fnsku"
_Key = tuple[datetime, str, str, str]
_NAMES = names_of(RETURN_COLUMNS)
_GROUP = f"""
    select {_KEY}, count(*) as lines, sum(quantity) as units,
        array_agg(row(connection_id, {_NAMES})::text order by occurrence) as content
"""
_COMPARED = f"""
with incoming as (
    {_GROUP}
    from (select %(connection)s::uuid as connection_id, i.* from pg_temp.incoming_return i) i
    group by {_KEY}
), stored as (
    {_GROUP}
    from ingest_return
    where tenant_id = %(tenant)s and ({_KEY}) in (select {_KEY} from pg_temp.incoming_return)
    group by {_KEY}
)
select {_KEY}, i.content is not distinct from s.content,
    coalesce((s.lines, s.units) > (i.lines, i.units), false)
from incoming i left join stored s using ({_KEY})
"""  # our own text  # noqa: S608
_CHANGED = f"""
({_KEY}) in (select * from unnest(
    %(instants)s::timestamptz[], %(orders)s::text[], %(skus)s::text[], %(fnskus)s::text[]))
"""  # our own text  # noqa: S608
_DELETE = f"delete from ingest_return where tenant_id = %(tenant)s and {_CHANGED}"  # noqa: S608
_INSERT = f"""
insert into ingest_return (tenant_id, connection_id, {_NAMES})
select %(tenant)s, %(connection)s, {_NAMES} from pg_temp.incoming_return
where {_CHANGED} order by {_KEY}, occurrence
"""  # our own text  # noqa: S608
_STORES = """
select order_id, min(marketplace_id) from ingest_order_line
where tenant_id = any(%(tenants)s) and order_id = any(%(orders)s)
  and connection_id = %(connection)s
group by order_id
"""


def write_returns(
    lines: Iterable[tuple[Any, ...]],
    *,
    stated: Marketplace,
    tenant: UUID,
    connection: UUID,
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Write the rows of one returns report.

    A return belongs to the store of its order; to the `stated` one while the order is not stored.
    """
    bulk = Bulk(tenant, using)
    bulk.lock(RETURNS_LOCK)
    found = [CustomerReturnsLine(*line) for line in lines]
    orders = sorted({line.order_id for line in found})
    known: dict[str, str] = dict(bulk.rows(_STORES, connection=connection, orders=orders))
    oldest = oldest_kept(at).date()
    rows, too_old = [], 0
    for line in found:
        store = MARKETPLACES.get(known.get(line.order_id, ""), stated)
        row = _row(line, store)
        too_old += row.local_day < oldest
        rows += [row] if row.local_day >= oldest else []
    bulk.create_stage("incoming_return", RETURN_COLUMNS)
    bulk.copy("incoming_return", RETURN_COLUMNS, [_numbered(rows)])
    compared = bulk.rows(_COMPARED, connection=connection)
    changed = [key for *key, same, fewer in compared if not same and not fewer]
    keys = {
        "instants": [key[0] for key in changed],
        "orders": [key[1] for key in changed],
        "skus": [key[2] for key in changed],
        "fnskus": [key[3] for key in changed],
    }
    deleted = bulk.run(_DELETE, **keys)
    added = bulk.run(_INSERT, connection=connection, **keys)
    return WriteResult(
        added,
        deleted,
        unchanged=sum(same for *_, same, _ in compared),
        outdated=sum(fewer for *_, fewer in compared),
        too_old=too_old,
    )


def _row(line: CustomerReturnsLine, store: Marketplace) -> ReturnRow:
    return ReturnRow(
        returned_at=line.returned_at,
        order_id=line.order_id,
        sku=line.sku,
        fnsku=line.fnsku,
        occurrence=0,
        marketplace_id=store.id,
        local_day=store.local_day(line.returned_at),
        asin=line.asin,
        quantity=line.quantity,
        fulfillment_center=line.fulfillment_center,
        disposition=line.disposition,
        reason=line.reason,
        status=line.status,
    )


def _numbered(rows: Iterable[ReturnRow]) -> list[ReturnRow]:
    """Return the rows, numbered within their groups.

    The file's order does not matter.
    """
    groups: defaultdict[_Key, list[ReturnRow]] = defaultdict(list)
    for row in rows:
        groups[row.returned_at, row.order_id, row.sku, row.fnsku].append(row)
    return [
        row._replace(occurrence=number)
        for key in sorted(groups)
        for number, row in enumerate(sorted(groups[key]), 1)
    ]
