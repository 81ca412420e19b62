"""Compute the parameters of the rollup statements.

The charge types of each column, and each store's days. Orders count by purchase date, the ledger by
posted date. Which transactions count is decided in `statements/matching.sql` and
`settlement_matching.py`, and applied in `statements/counted_lines.sql`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    is_profit_and_loss,
    profit_line,
)
from theseller.amazon.reports.report_types_and_columns import ReportType
from theseller.analytics.rollups.settlement_matching import EARLY, LATE
from theseller.lib.marketplaces import currency_of, midnight, tax_included

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
