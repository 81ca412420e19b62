"""Read settlements: what their heads state, and the sums of their lines.

Every query runs inside the caller's tenant scope. A settlement is one of each store that its file
names or that its lines are of: lines of fees name none and are attributed to one
(`ingest/facts/store_attribution.py`). A member who is limited to some marketplaces sees the
settlements all of whose lines are of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.amazon.charge_classifier import ChargeType, ProfitLine, fold, profit_line
from theseller.analytics.rollups.column_charge_types import CASH_CHARGE_TYPES, SETTLEMENT_REPORTS
from theseller.lib import sql_execution as statements
from theseller.tenancy.planner_estimates import repeated
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, visible_marketplaces

_HEADS = """
with head as (
    select d.source_key, d.marketplace_ids, d.covers_from, d.covers_until, d.origin,
           coalesce(s.currency, (
               select l.currency from ingest_ledger_line l
               where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
                 and l.source_key = d.source_key limit 1), '') as currency,
           s.total_amount, s.deposited_at
    from ingest_document d
    left join ingest_settlement s on s.tenant_id = d.tenant_id and s.settlement_id = d.source_key
    where d.tenant_id = %(tenant)s and d.report_type = any (%(reports)s::text[])
      and (%(number)s::text is null or d.source_key = %(number)s)
      and (%(store)s::text is null or %(store)s = any (d.marketplace_ids) or exists (
          select from ingest_ledger_line l
          where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
            and l.source_key = d.source_key and l.marketplace_id = %(store)s))
      and (%(begin)s::timestamptz is null or d.covers_until > %(begin)s)
      and (%(end)s::timestamptz is null or d.covers_from < %(end)s)
      and (%(visible)s::text[] is null
           or (d.marketplace_ids <@ %(visible)s::text[] and (
               select coalesce(bool_and(l.marketplace_id = any (%(visible)s::text[])),
                               d.marketplace_ids <> '{}')
               from ingest_ledger_line l
               where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
                 and l.source_key = d.source_key)))
      and (%(until)s::timestamptz is null
           or (d.covers_until, d.source_key) < (%(until)s, %(before)s))
)
select * from head where %(currency)s::text is null or currency = %(currency)s
order by covers_until desc, source_key desc limit %(most)s
"""
_SUMS = """
select l.source_key, l.currency, l.kind,
       case when l.kind = any (%(cash)s::text[]) then l.breakdown else '' end as label,
       l.marketplace_id, count(*), sum(l.amount)
from ingest_ledger_line l
where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
  and l.source_key = any (%(numbers)s::text[])
group by 1, 2, 3, 4, 5
"""
_ORDERS = """
select coalesce(l.order_id, '') as order_id, count(*),
       coalesce(sum(l.amount) filter (where l.kind = any (%(sales)s::text[])), 0),
       coalesce(sum(l.amount) filter (where l.kind = any (%(refunds)s::text[])), 0),
       coalesce(sum(l.amount) filter (where l.kind = any (%(fees)s::text[])), 0),
       coalesce(sum(l.amount) filter (where l.kind = any (%(taxes)s::text[])), 0),
       sum(l.amount), min(l.posted_at)
from ingest_ledger_line l
where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
  and l.source_key = %(number)s and coalesce(l.order_id, '') <> ''
  and coalesce(l.order_id, '') > %(after)s
group by 1 order by 1 limit %(most)s
"""
_LINES = """
select l.posted_at, l.order_id, l.sku, l.transaction_type, l.breakdown, l.kind, l.quantity,
       l.currency, l.amount, l.marketplace_id
from ingest_ledger_line l
where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
  and l.source_key = %(number)s {where}
order by l.source_line limit %(most)s
"""
_NO_ORDER = "and coalesce(l.order_id, '') = ''"
#: How far apart the end of a settlement and the beginning of the next may be.
_NEXT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class SettlementSums:
    """The sums of a settlement's lines, with the signs of the file.

    `by_kind` has no reserves: `opening` is the reserve that the settlement before left, `reserve`
    what this one leaves for the next. `stores` are those of the lines, '' of no store.
    """

    currency: str
    lines: int = 0
    total: Decimal = Decimal(0)
    opening: Decimal = Decimal(0)
    reserve: Decimal = Decimal(0)
    by_kind: dict[ChargeType, Decimal] = field(default_factory=dict)
    stores: frozenset[str] = frozenset()

    def of(self, line: ProfitLine) -> Decimal:
        """Return the sum of the charge types of a profit line, without reserves."""
        return sum(
            (amount for kind, amount in self.by_kind.items() if profit_line(kind) is line),
            Decimal(0),
        )

    @property
    def net_proceeds(self) -> Decimal:
        """Sales, refunds, fees and what else is income or cost."""
        return sum(
            (
                amount
                for kind, amount in self.by_kind.items()
                if profit_line(kind) not in {ProfitLine.TAX, ProfitLine.CASH}
            ),
            Decimal(0),
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """A stored settlement.

    `marketplace_ids` are the stores that its file names, then the others of its lines. `total` and
    `deposited_at` are what its head states; None where it was stored before these were.
    """

    number: str
    marketplace_ids: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    origin: str
    currency: str
    total: Decimal | None
    deposited_at: datetime | None
    sums: SettlementSums

    @property
    def difference(self) -> Decimal | None:
        """What the payout differs from the sum of the stored lines, if known."""
        return None if self.total is None else self.total - self.sums.total


@dataclass(frozen=True, slots=True)
class SettledOrder:
    """What a settlement contains of one order."""

    order_id: str
    lines: int
    sales: Decimal
    refunds: Decimal
    fees: Decimal
    taxes: Decimal
    total: Decimal
    posted_at: datetime

    @property
    def other(self) -> Decimal:
        """What is none of these: reimbursements, for example."""
        return self.total - self.sales - self.refunds - self.fees - self.taxes


@dataclass(frozen=True, slots=True)
class SettledLine:
    """One line of a settlement."""

    posted_at: datetime
    order_id: str | None
    sku: str | None
    transaction_type: str
    breakdown: str
    kind: str
    quantity: int | None
    currency: str
    amount: Decimal
    marketplace_id: str


def settlements(
    *,
    store: str | None = None,
    currency: str | None = None,
    before: tuple[datetime, str] | None = None,
    touching: tuple[datetime, datetime] | None = None,
    most: int | None = None,
    using: str = "default",
) -> tuple[Settlement, ...]:
    """Return stored settlements with their sums, the newest first.

    Args:
        store: only those whose file names this marketplace, or with lines of it.
        currency: only those of this currency.
        before: the end and the number of the settlement after which the page begins.
        touching: only those whose periods touch this one.
        most: how many at most; None: all.
        using: the database connection.
    """
    until, number = before or (None, None)
    begin, end = touching or (None, None)
    words = {"store": store, "until": until, "before": number, "begin": begin, "end": end}
    return _read(words | {"currency": currency, "most": most}, using)


def newest_of_all_members(within: timedelta, *, using: str = "default") -> tuple[Settlement, ...]:
    """Return the newest settlements of each currency, the newest first.

    Those that ended `within` some time before the last one of their currency. Also those that the
    person may not see, so that none is taken for the newest that is not: the caller must not show
    these.
    """
    return _read({"visible": None}, using, within)


def may_see(one: Settlement) -> bool:
    """Return whether the person may see all of a settlement."""
    visible, stores = visible_marketplaces(), one.sums.stores | set(one.marketplace_ids)
    return visible is None or (bool(stores) and stores <= set(visible))


def settlement(number: str, *, using: str = "default") -> Settlement | None:
    """Return a stored settlement that the person may see, or None."""
    found = _read({"number": number, "most": 1}, using)
    return found[0] if found else None


def settlement_before(one: Settlement, *, using: str = "default") -> Settlement | None:
    """Return the settlement of the same stores that ends where `one` begins.

    None if it is not stored.
    """
    found = [
        other
        for other in _read(
            {
                "until": one.starts_at + _NEXT,
                "before": "",
                "begin": one.starts_at - _NEXT,
                "currency": one.currency,
            },
            using,
        )
        if other.number != one.number
        and (
            set(other.marketplace_ids) == set(one.marketplace_ids)
            or (goes_on(other, one) and carries_over(other, one))
        )
    ]
    # A store may have several at once: the one whose reserve came over is the one before.
    return max(found, key=lambda other: carries_over(other, one), default=None)


def follows(other: Settlement, one: Settlement) -> bool:
    """Return whether `one` begins where `other` ends."""
    return abs(one.starts_at - other.ends_at) <= _NEXT


def goes_on(other: Settlement, one: Settlement) -> bool:
    """Return whether both can be of the same stores.

    A settlement of fees alone may name none.
    """
    mine, theirs = set(one.marketplace_ids), set(other.marketplace_ids)
    return not mine or not theirs or bool(mine & theirs)


def carries_over(other: Settlement, one: Settlement) -> bool:
    """Return whether the opening balance of `one` is the reserve of `other`."""
    return one.sums.opening == -other.sums.reserve


def settled_orders(
    one: Settlement, *, after: str = "", most: int, using: str = "default"
) -> tuple[SettledOrder, ...]:
    """Return at most `most` orders of a settlement, those behind `after`."""
    _require(one)

    def kinds(line: ProfitLine) -> list[str]:
        return [kind.value for kind in ChargeType if profit_line(kind) is line]

    values = {
        "tenants": repeated(current_tenant()),
        "number": one.number,
        "after": after,
        "most": most,
        "sales": kinds(ProfitLine.SALES),
        "refunds": kinds(ProfitLine.REFUNDS),
        "fees": kinds(ProfitLine.FEES),
        "taxes": kinds(ProfitLine.TAX),
    }
    return tuple(SettledOrder(*row) for row in statements.rows(connections[using], _ORDERS, values))


def settled_lines(
    one: Settlement, *, without_order: bool, most: int, using: str = "default"
) -> tuple[SettledLine, ...]:
    """Return at most `most` lines of a settlement in the order of the file."""
    _require(one)
    sql = _LINES.format(where=_NO_ORDER if without_order else "")
    values = {"tenants": repeated(current_tenant()), "number": one.number, "most": most}
    return tuple(SettledLine(*row) for row in statements.rows(connections[using], sql, values))


def _require(one: Settlement) -> None:
    """Check that a limited member may see a settlement.

    Raises:
        OtherMarketplaceError: some of its lines are of other marketplaces.
    """
    if not may_see(one):
        raise OtherMarketplaceError("the settlement has lines outside the person's limit")


def _read(
    values: dict[str, Any], using: str, within: timedelta | None = None
) -> tuple[Settlement, ...]:
    """Return settlements, `within`: only the newest of each currency."""
    common = {
        **dict.fromkeys(("number", "store", "currency", "until", "before", "begin", "end", "most")),
        "tenant": current_tenant(),
        "tenants": repeated(current_tenant()),
        "reports": list(SETTLEMENT_REPORTS),
        "visible": visible_marketplaces(),
    }
    heads = statements.rows(connections[using], _HEADS, common | values)
    if within is not None:
        newest = {head[5]: head[3] for head in reversed(heads)}
        heads = [head for head in heads if head[3] >= newest[head[5]] - within]
    sums = _sums([head[0] for head in heads], using)
    return tuple(
        Settlement(
            number,
            (*stores, *sorted(sums[number].stores - {"", *stores})),
            starts_at,
            ends_at,
            origin,
            currency,
            total,
            deposited_at,
            sums[number],
        )
        for number, stores, starts_at, ends_at, origin, currency, total, deposited_at in heads
    )


def _sums(numbers: Sequence[str], using: str) -> dict[str, SettlementSums]:
    found: dict[str, SettlementSums] = defaultdict(lambda: SettlementSums(""))
    if not numbers:
        return found
    values = {
        "tenants": repeated(current_tenant()),
        "numbers": list(numbers),
        "cash": sorted(kind.value for kind in CASH_CHARGE_TYPES),
    }
    parts: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *rest in statements.rows(connections[using], _SUMS, values):
        parts[number].append(tuple(rest))
    for number, rows in parts.items():
        found[number] = _added_up(rows)
    return found


def _added_up(rows: Sequence[tuple[Any, ...]]) -> SettlementSums:
    by_kind: dict[ChargeType, Decimal] = defaultdict(Decimal)
    opening = reserve = total = Decimal(0)
    lines = 0
    for _currency, name, label, _store, count, amount in rows:
        kind = ChargeType(name)
        lines, total = lines + count, total + amount
        if kind is not ChargeType.RESERVE:
            by_kind[kind] += amount
        elif is_opening(label):
            opening += amount
        else:
            reserve += amount
    stores = frozenset(row[3] for row in rows)
    return SettlementSums(rows[0][0], lines, total, opening, reserve, dict(by_kind), stores)


def is_opening(breakdown: str) -> bool:
    """Return whether a reserve line is what the settlement before left."""
    name = fold(breakdown.rpartition("/")[2])
    return name.startswith(("previous", "prior", "beginning", "opening", "carried"))
