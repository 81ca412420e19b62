"""Frozen values of the inventory page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from theseller.lib.translation_marks import gettext_noop

#: The windows of average sales: complete days of the store's calendar before the current one.
WINDOWS = (7, 30, 90)


class Band(StrEnum):
    """How long a product's stock lasts, in bands of days of cover.

    In the order in which they are sorted, the most urgent first.
    """

    CRITICAL = "critical"
    AT_RISK = "at-risk"
    WATCH = "watch"
    HEALTHY = "healthy"
    EXCESS = "excess"
    NO_SALES = "no-sales"
    UNKNOWN = "unknown"


#: Days of cover from which a band begins, the highest first.
BAND_BEGINS = (
    (Band.HEALTHY, 21),
    (Band.WATCH, 14),
    (Band.AT_RISK, 7),
    (Band.CRITICAL, 0),
)
#: Above so many days of cover stock is in excess.
EXCESS_ABOVE = 180
BAND_LABELS = {
    Band.CRITICAL: gettext_noop("Critical"),
    Band.AT_RISK: gettext_noop("At risk"),
    Band.WATCH: gettext_noop("Watch"),
    Band.HEALTHY: gettext_noop("Healthy"),
    Band.EXCESS: gettext_noop("Excess"),
    Band.NO_SALES: gettext_noop("No sales"),
    Band.UNKNOWN: gettext_noop("Unknown"),
}


@dataclass(frozen=True, slots=True)
class SalesWindow:
    """Units ordered in the last `days` complete days of a store.

    `covered` is the number of these days whose orders are stored: the average is over them. What
    was ordered on the others is unknown, not zero.
    """

    days: int
    covered: int
    units: int

    @property
    def per_day(self) -> Fraction | None:
        """Units a day; None if no day's orders are stored."""
        return Fraction(self.units, self.covered) if self.covered else None


@dataclass(frozen=True, slots=True)
class Replenishment:
    """What a seller enters about ordering a product.

    None: not entered. Times are days, the others units.
    """

    lead_time_days: int | None = None
    safety_days: int | None = None
    target_cover_days: int | None = None
    carton_size: int | None = None
    minimum_quantity: int | None = None

    def or_default(self, default: Replenishment) -> Replenishment:
        """Return these inputs, with the shop's default where none is entered."""
        return Replenishment(
            *(
                getattr(default if getattr(self, name) is None else self, name)
                for name in self.__dataclass_fields__
            )
        )


#: The fields of `Replenishment`, in their order.
REPLENISHMENT_FIELDS: tuple[str, ...] = tuple(Replenishment.__dataclass_fields__)
#: The least and the greatest value of each field. The table has the same limits.
LIMITS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "lead_time_days": (0, 730),
        "safety_days": (0, 365),
        "target_cover_days": (1, 730),
        "carton_size": (1, 100_000),
        "minimum_quantity": (1, 1_000_000),
    }
)


@dataclass(frozen=True, slots=True)
class StockLevel:
    """The units of one product for one store, as Amazon stated them.

    `total` is Amazon's own: it includes units that Amazon is searching for.
    """

    marketplace_id: str
    sku: str
    asin: str
    title: str
    fulfillable: int
    inbound: int
    reserved: int
    unfulfillable: int
    total: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Reorder:
    """When to order a product, and how much if it is ordered today.

    `order_by` is None where lead time or safety days are not entered, or nothing was sold;
    `quantity` where the target cover is missing as well.
    """

    order_by: date | None
    days_late: int
    quantity: int | None


@dataclass(frozen=True, slots=True)
class ProductInventory:
    """One row of the inventory page."""

    level: StockLevel
    windows: tuple[SalesWindow, ...]
    cover_days: Fraction | None
    band: Band
    own_inputs: Replenishment
    inputs: Replenishment
    reorder: Reorder

    @property
    def cover(self) -> Decimal | None:
        """Days of cover with one decimal, rounded down; None without sales."""
        return None if self.cover_days is None else Decimal(int(self.cover_days * 10)).scaleb(-1)


def decimal_of(value: Fraction | None, places: int) -> Decimal | None:
    """Return a value rounded to `places` decimals; None for None."""
    return None if value is None else Decimal(round(value * 10**places)).scaleb(-places)
