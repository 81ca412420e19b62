"""Values of the data inventory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.utils.translation import gettext_noop

from theseller.datamap.table_registry import descriptors


class Section(StrEnum):
    """The parts of the page, in their order."""

    AMAZON = gettext_noop("From Amazon")
    ACCESS = gettext_noop("Access to Amazon")
    SHOP = gettext_noop("Your shop and its members")
    EVIDENCE = gettext_noop("Evidence (no business data)")
    COPIES = gettext_noop("Copies")


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
    """A table that a category is counted in.

    `since` is the SQL expression of a row's date, None for a table without one.
    """

    table: str
    since: str | None


@dataclass(frozen=True, slots=True)
class DataCategory:
    """One category of data, described for the page.

    `features` are what the seller chose that needs it; `why` says it where no feature does.
    """

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
        """Return the tables that are counted in it.

        From their descriptors (`inventory_category`).
        """
        found = (one for one in descriptors() if one.inventory_category == self.key)
        return tuple(Source(one.table, one.date_column) for one in found)


@dataclass(frozen=True, slots=True)
class StoredData:
    """A category as it is stored now.

    Attributes:
        category: what it is.
        rows: how many rows there are.
        since: the oldest date of a row.
        why: why it is stored.
        until: the computed day on which it expires, if there is one.
        until_text: until when it is stored.
    """

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
    """The dates that expiry is computed from.

    Attributes:
        authorisation: the yearly end of the authorization.
        backup: when the last present backup expires.
        recipients: the last day of any recipient that is stored.
    """

    authorisation: datetime | None
    backup: datetime | None
    recipients: date | None
