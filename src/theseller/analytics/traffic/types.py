"""Frozen values of the traffic page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

#: Amazon restates a day's traffic so long after the day has ended.
SETTLES_AFTER = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Sums of traffic over days, stores or products.

    `sessions` is the sum of daily sessions: a person who returns on another day is counted again.
    `featured_views` are the page views with the featured offer of those page views whose share
    Amazon stated (`rated_views`).
    """

    sessions: int = 0
    page_views: int = 0
    units: int = 0
    featured_views: Decimal = Decimal(0)
    rated_views: int = 0

    @property
    def unit_session_ratio(self) -> Decimal | None:
        """Units ordered per session, which can exceed 1; None without sessions."""
        return Decimal(self.units) / self.sessions if self.sessions > 0 else None

    @property
    def featured_ratio(self) -> Decimal | None:
        """The featured offer's share of page views; None where Amazon stated none."""
        return self.featured_views / self.rated_views if self.rated_views > 0 else None

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.sessions + other.sessions,
            self.page_views + other.page_views,
            self.units + other.units,
            self.featured_views + other.featured_views,
            self.rated_views + other.rated_views,
        )


@dataclass(frozen=True, slots=True)
class TrafficOfDay:
    """One day, and how many stores of the selection have data of it."""

    day: date
    stores: int
    traffic: Traffic
    preliminary: bool


@dataclass(frozen=True, slots=True)
class TrafficOfProduct:
    """One product over the period; `before` is None where nothing is compared."""

    asin: str
    title: str
    traffic: Traffic
    before: Traffic | None


@dataclass(frozen=True, slots=True)
class TrafficProducts:
    """A page of the product table.

    Its rows, the number and the sums of all, and the number of days with data of products.
    """

    rows: tuple[TrafficOfProduct, ...]
    count: int
    total: Traffic
    days: int
