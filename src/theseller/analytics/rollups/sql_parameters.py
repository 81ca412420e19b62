"""Parameters of the rollup statements.

The charge types of each column, and each store's days. Orders count by purchase date, the ledger by
posted date. Which transactions count is decided in `statements/matching.sql` and
`settlement_matching.py`, and applied in `statements/counted_lines.sql`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    is_profit_and_loss,
    profit_line,
)
from theseller.amazon.reports.report_types_and_columns import ReportType
from theseller.analytics.rollups.settlement_matching import EARLY, LATE, Money, in_settlements
from theseller.lib import sql_execution
from theseller.lib.marketplaces import MARKETPLACES

#: Lines in one of these states are not money yet, or no longer: Amazon has not booked an estimate,
#: and it has withdrawn a reversed line.
UNCOUNTED_STATES = frozenset({"estimated", "reversed"})
SETTLEMENT_REPORTS = (ReportType.SETTLEMENT_V2.value,)

_DISCOUNTS = {ChargeType.PROMOTION, ChargeType.POINTS}
_PRODUCT_SALES = {ChargeType.PRINCIPAL, ChargeType.LIQUIDATION}
_SELLING_FEES = {
    ChargeType.REFERRAL,
    ChargeType.REFUND_ADMIN,
    ChargeType.CLOSING,
    ChargeType.DIGITAL_SERVICES,
}
_FULFILMENT_FEES = {
    ChargeType.FBA_FULFILMENT,
    ChargeType.SHIPPING_CHARGEBACK,
    ChargeType.RETURNS_PROCESSING,
    ChargeType.POSTAGE,
}
_STORAGE_FEES = {ChargeType.STORAGE, ChargeType.REMOVAL, ChargeType.INBOUND}


def _kinds(wanted: ProfitLine) -> frozenset[ChargeType]:
    return frozenset(kind for kind in ChargeType if profit_line(kind) is wanted)


#: Column of analytics_day → the kinds whose amounts it sums. The first eight share out the
#: profit-and-loss kinds without overlap.
COLUMN_CHARGE_TYPES: dict[str, frozenset[ChargeType]] = {
    "product_sales": frozenset(_PRODUCT_SALES),
    "credits": _kinds(ProfitLine.SALES) - _PRODUCT_SALES - _DISCOUNTS,
    "discounts": frozenset(_DISCOUNTS),
    "refunded_sales": _kinds(ProfitLine.REFUNDS),
    "fees": _kinds(ProfitLine.FEES),
    "advertising": _kinds(ProfitLine.ADVERTISING),
    "reimbursements": _kinds(ProfitLine.REIMBURSEMENTS),
    "unclassified": _kinds(ProfitLine.UNCLASSIFIED),
    "selling_fees": frozenset(_SELLING_FEES),
    "fulfilment_fees": frozenset(_FULFILMENT_FEES),
    "storage_fees": frozenset(_STORAGE_FEES),
}
COUNTED_CHARGE_TYPES = frozenset(kind for kind in ChargeType if is_profit_and_loss(kind))
#: Payouts, reserves and debts move money between Amazon and the bank: they are no part of what a
#: transaction is worth.
CASH_CHARGE_TYPES = _kinds(ProfitLine.CASH)
#: A refund is counted by these; its other lines (fees given back, discounts taken back) come with
#: it.
REFUND_CHARGE_TYPES = frozenset({ChargeType.REFUND_PRINCIPAL})
#: A sale is posted with one of these.
SALE_CHARGE_TYPES = frozenset({ChargeType.PRINCIPAL})


@cache
def sql_text(*names: str) -> str:
    """Return the text of files in `statements/`, joined.

    Of several, the first is what follows ``with``.
    """
    folder = resources.files("theseller.analytics.rollups").joinpath("statements")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
    return texts[0] if len(texts) == 1 else "with\n" + "\n".join(texts)


@contextmanager
def _without_nested_loops(cursor: CursorWrapper) -> Iterator[None]:
    """Disable nested loops for statements with `counted_lines.sql`.

    The planner does not know the sizes of common table expressions, assumes one row, and would
    compare each with each.
    """
    sql_execution.execute(cursor.db, "select set_config('enable_nestloop', 'off', true)")
    yield
    sql_execution.execute(cursor.db, "select set_config('enable_nestloop', 'on', true)")


def run_on_counted_lines(cursor: CursorWrapper, values: dict[str, Any], *names: str) -> list[int]:
    """Run the statements `names`, which read `counted_lines.sql`.

    Which of the transactions are in a stored settlement is computed once, for all of them. The rows
    of the last statement can be fetched from the cursor.

    Args:
        cursor: an open cursor in the tenant's scope.
        values: what `parameters` returned.
        names: files of `statements/`.

    Returns:
        How many rows each statement returned or wrote.
    """
    with _without_nested_loops(cursor):
        found = values | _settled(cursor, values)
        counts = []
        for name in names:
            cursor.execute(sql_text("days.sql", "counted_lines.sql", name), found)
            counts.append(cursor.rowcount)
    return counts


def _settled(cursor: CursorWrapper, values: dict[str, Any]) -> dict[str, Any]:
    """Return the transactions of Finances in a stored settlement.

    They are parameters of `counted_lines.sql`. Which orders and days are wanted is read first and
    passed as literals: only then does the planner know how many there are.
    """
    cursor.execute(sql_text("days.sql", "wanted.sql"), values)
    wanted = cursor.fetchall()
    days = {day for _, day in wanted if day is not None}
    near = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
    orders = [order for order, _ in wanted if order]
    beside = {
        "wanted_orders": orders,
        "wanted_days": sorted(days),
        "near_wanted_days": sorted(near),
    }
    cursor.execute(sql_text("days.sql", "matching.sql"), values | beside)
    settled: set[tuple[str, str]] = set()
    sides: dict[str, list[Money]] = {"transaction": [], "settlement": []}
    for side, key, order, currency, at, total, kind, skus, *rest in cursor.fetchall():
        if side == "matched":
            settled.add((key, currency))
        else:
            sides[side].append(Money(key, order, currency, at, total, kind, frozenset(skus), *rest))
    settled |= in_settlements(sides["transaction"], sides["settlement"])
    return {
        "settled_keys": [key for key, _ in settled],
        "settled_currencies": [currency for _, currency in settled],
    }


def zone_of(marketplace_id: str) -> tzinfo:
    """Return the time zone of a store.

    UTC for money that belongs to no store.
    """
    store = MARKETPLACES.get(marketplace_id)
    return store.zone if store else UTC


def currency_of(marketplace_id: str) -> str:
    """Return the currency of a store: that of an order without a price."""
    store = MARKETPLACES.get(marketplace_id)
    return store.currency if store else "XXX"  # ISO 4217: no currency.


def tax_included(marketplace_id: str) -> bool:
    """Return whether prices of a store contain value added tax.

    It is tax that the seller may owe.
    """
    store = MARKETPLACES.get(marketplace_id)
    return store.tax_included if store else False


def midnight(marketplace_id: str, day: date) -> datetime:
    """Return the instant at which `day` begins in a store."""
    return datetime.combine(day, time.min, tzinfo=zone_of(marketplace_id)).astimezone(UTC)


def local_day(marketplace_id: str, instant: datetime) -> date:
    """Return the calendar day of `instant` in a store."""
    return instant.astimezone(zone_of(marketplace_id)).date()


def _texts(kinds: Iterable[ChargeType]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def parameters(tenant: UUID, slices: Sequence[tuple[str, date]], **more: object) -> dict[str, Any]:
    """Return the parameters of `counted_lines.sql` for (store, day) pairs.

    `more` adds the parameters of the statements that follow it.
    """
    return {
        "tenant": tenant,
        "stores": [store for store, _ in slices],
        "days": [day for _, day in slices],
        "midnights": [midnight(store, day) for store, day in slices],
        "next_midnights": [midnight(store, day + timedelta(days=1)) for store, day in slices],
        "currencies": [currency_of(store) for store, _ in slices],
        "tax_included": [tax_included(store) for store, _ in slices],
        "early": EARLY,
        "late": LATE,
        "settlement_reports": list(SETTLEMENT_REPORTS),
        "sales": _texts(COLUMN_CHARGE_TYPES["product_sales"] | COLUMN_CHARGE_TYPES["credits"]),
        "cash_charge_types": _texts(CASH_CHARGE_TYPES),
        "counted_charge_types": _texts(COUNTED_CHARGE_TYPES),
        "refund_charge_types": _texts(REFUND_CHARGE_TYPES),
        "sale_charge_types": _texts(SALE_CHARGE_TYPES),
        **{column: _texts(kinds) for column, kinds in COLUMN_CHARGE_TYPES.items()},
        **more,
    }
