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

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.rollups.column_charge_types import (
    CASH_CHARGE_TYPES,
    COLUMN_CHARGE_TYPES,
    COUNTED_CHARGE_TYPES,
    REFUND_CHARGE_TYPES,
    SALE_CHARGE_TYPES,
    SETTLEMENT_REPORTS,
)
from theseller.analytics.rollups.settlement_matching import EARLY, LATE
from theseller.lib.marketplaces import currency_of, midnight, tax_included
from theseller.tenancy.planner_estimates import repeated


def _texts(kinds: Iterable[ChargeType]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def parameters(tenant: UUID, slices: Sequence[tuple[str, date]], **more: object) -> dict[str, Any]:
    """Return the parameters of `counted_lines.sql` for (store, day) pairs.

    `more` adds the parameters of the statements that follow it.
    """
    return {
        "tenant": tenant,
        "tenants": repeated(tenant),
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
