"""Frozen values of the page of returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Returns:
    """Units that arrived, and units sold, of the same products and days.

    `sold`: units that Amazon shipped, by the day of their order. `conditions`: of how many units
    Amazon states the condition. `refunded`: what was refunded for them, as the ledger has it, as a
    positive amount; None where no money is posted.
    """

    sold: int = 0
    returned: int = 0
    sellable: int = 0
    conditions: int = 0
    refunded: Decimal | None = None

    @property
    def rate(self) -> Decimal | None:
        """Units returned per unit sold; None without units sold."""
        return Decimal(self.returned) / self.sold if self.sold > 0 else None

    @property
    def sellable_share(self) -> Decimal | None:
        """The share that can be sold again; None without stated conditions."""
        return Decimal(self.sellable) / self.conditions if self.conditions > 0 else None


@dataclass(frozen=True, slots=True)
class ReturnsOfProduct:
    """One product.

    `reasons` are Amazon's codes with units, the most frequent first.
    """

    sku: str
    asin: str
    title: str
    returns: Returns
    reasons: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnsPage:
    """A page of the table.

    Its rows, and the number and sums of all products found. `first`, `last`: the days of the period
    between the first and last stored return; None without.
    """

    rows: tuple[ReturnsOfProduct, ...] = ()
    count: int = 0
    total: Returns = field(default_factory=Returns)
    first: date | None = None
    last: date | None = None
