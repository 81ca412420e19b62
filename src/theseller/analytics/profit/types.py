"""Unit costs and their periods, and why a change is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

#: The marketplace of a cost that applies in all stores of its currency.
ALL_STORES = ""
#: The first day of a cost that has no earlier one. Facts are never as old.
BEGINNING = date(2000, 1, 1)
#: Decimals of a unit cost, and the first amount that is too high.
COST_DECIMALS = 4
COST_LIMIT = Decimal(1_000_000_000)


class CostRefusedError(ValueError):
    """Costs can't be changed as requested, and were not.

    The argument is a marked text.
    """


@dataclass(frozen=True, slots=True, order=True)
class CostKey:
    """One period of a product's cost.

    It begins with `valid_from` and ends before the next period of the same product, marketplace and
    currency. The cost of a marketplace comes before that of all stores (`ALL_STORES`).
    """

    sku: str
    marketplace_id: str
    currency: str
    valid_from: date


@dataclass(frozen=True, slots=True)
class CostPeriod:
    """A stored unit cost: who wrote it and when."""

    key: CostKey
    unit_cost: Decimal
    written_by: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class CostChange:
    """A unit cost to store, and the stored one; None for a new period."""

    key: CostKey
    unit_cost: Decimal
    before: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ShopStores:
    """The currencies of the stores in which a shop sells, by marketplace."""

    currencies: dict[str, str]

    @property
    def all_currencies(self) -> list[str]:
        """The currencies of the stores, each once, in order."""
        return sorted(set(self.currencies.values()))
