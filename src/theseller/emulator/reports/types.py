"""What a generator of one report type consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.world_queries import World


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """A report as ordered.

    `at`: the instant whose knowledge it holds; a document never changes after that.
    """

    seller: Seller
    report_type: str
    start: datetime
    end: datetime
    at: datetime
    marketplace_ids: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportGenerator:
    """How Amazon makes reports of one type, and which requests it accepts.

    Attributes:
        report_type: Amazon's name.
        roles: any one of these opens the type.
        has_data: whether an order would have any row; without one, Amazon cancels the report.
        render: the text of an ordered report. None: Amazon makes the type on its own schedule.
        encoding: the Python codec of a seller's documents.
        longest: the longest range of a request.
        oldest: how far back a request may begin.
        one_store: a request names exactly one marketplace.
        most_requests: (count, time) after which further requests are canceled.
    """

    report_type: str
    roles: frozenset[str]
    has_data: Callable[[World, ReportOrder], bool] | None = None
    render: Callable[[World, ReportOrder], str] | None = None
    encoding: Callable[[Seller], str]
    longest: timedelta | None = None
    oldest: timedelta | None = None
    one_store: bool = False
    most_requests: tuple[int, timedelta] | None = None


def regional_encoding(seller: Seller) -> str:
    """Return the character encoding that Amazon uses in the seller's region.

    Windows-1252 in Europe and Shift_JIS in Japan, although Amazon documents UTF-8 for all.
    """
    return {"eu": "cp1252", "fe": "cp932"}.get(seller.region, "utf-8")
