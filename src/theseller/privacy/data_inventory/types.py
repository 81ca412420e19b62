"""Values of this slice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from theseller.datamap.registry import descriptors


class Section(StrEnum):
    """The parts of the page, in their order."""

    AMAZON = "From Amazon"
    ACCESS = "Access to Amazon"
    SHOP = "Your shop and its members"
    EVIDENCE = "Evidence (no business data)"
    COPIES = "Copies"


class RetentionRule(StrEnum):
    """What ends a kind of data, besides the end of its connection or shop."""

    AGE = "age"  # each row leaves when its day is 18 months past
    CONNECTION = "connection"  # with the connection, within 30 days of its end
    # at once with the connection, at the yearly end of the authorisation at the latest
    AUTHORISATION = "authorisation"
    SHOP = "shop"  # with the shop
    EVIDENCE = "evidence"  # outlives the shop
    # each record on its own day, at once when the feature is turned off or the connection ends
    BUYER = "buyer"
    BACKUP = "backup"  # with the last copy's key


@dataclass(frozen=True, slots=True)
class Source:
    """A table that a kind is counted in; `since` is the SQL expression of a row's date, None for one that has none."""

    table: str
    since: str | None


@dataclass(frozen=True, slots=True)
class DataCategory:
    """One kind of data in words. `features` are what the seller chose that needs it; `why` says it where no feature does."""

    key: str
    section: Section
    title: str
    description: str
    limit: RetentionRule
    clauses: tuple[str, ...]
    why: str = ""
    features: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The tables that are counted in it, from their descriptors (`inventory_category`)."""
        found = (one for one in descriptors() if one.inventory_category == self.key)
        return tuple(Source(one.table, one.date_column) for one in found)


@dataclass(frozen=True, slots=True)
class StoredData:
    """A kind as it is held now: `rows` of it, the oldest of `since`, in words why and until when; `until` is the computed day, if one is."""

    category: DataCategory
    rows: int
    since: date | None
    why: str
    until: date | None
    until_text: str


@dataclass(frozen=True, slots=True)
class InventorySection:
    """A part of the page."""

    title: str
    items: tuple[StoredData, ...]


@dataclass(frozen=True, slots=True)
class ExpiryDates:
    """The dates that limits are computed from: the yearly end of the authorization, when the last present backup expires, and the last day of any
    recipient that is held.
    """

    authorisation: datetime | None
    backup: datetime | None
    recipients: date | None
