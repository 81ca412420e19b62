"""Amazon's stores: IDs, regions, hosts, currencies and time zones.

Sources: Amazon's marketplace ID, endpoint and Seller Central URL tables. Time zones are those of
Amazon's own reports (North America reports in Pacific time).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo


class Region(StrEnum):
    """An SP-API endpoint. An authorization is valid in one region."""

    NA = "na"
    EU = "eu"
    FE = "fe"


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One Amazon store.

    `sales_channel` is its name in order reports; `tax_included`: item prices contain VAT.
    """

    id: str
    code: str
    region: Region
    currency: str
    zone_name: str
    sales_channel: str
    seller_central_host: str
    tax_included: bool

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone of the marketplace."""
        return ZoneInfo(self.zone_name)

    def local_day(self, instant: datetime) -> date:
        """Return the calendar day of `instant` (aware) in this store."""
        return instant.astimezone(self.zone).date()


_EUROPE = "sellercentral-europe.amazon.com"
_ROWS = (
    (
        "A2EUQ1WTGCTBG2",
        "CA",
        Region.NA,
        "CAD",
        "America/Los_Angeles",
        "Amazon.ca",
        "sellercentral.amazon.ca",
        False,
    ),
    (
        "ATVPDKIKX0DER",
        "US",
        Region.NA,
        "USD",
        "America/Los_Angeles",
        "Amazon.com",
        "sellercentral.amazon.com",
        False,
    ),
    (
        "A1AM78C64UM0Y8",
        "MX",
        Region.NA,
        "MXN",
        "America/Los_Angeles",
        "Amazon.com.mx",
        "sellercentral.amazon.com.mx",
        True,
    ),
    (
        "A2Q3Y263D00KWC",
        "BR",
        Region.NA,
        "BRL",
        "America/Sao_Paulo",
        "Amazon.com.br",
        "sellercentral.amazon.com.br",
        True,
    ),
    (
        "A28R8C7NBKEWEA",
        "IE",
        Region.EU,
        "EUR",
        "Europe/Dublin",
        "Amazon.ie",
        "sellercentral.amazon.ie",
        True,
    ),
    ("A1RKKUPIHCS9HS", "ES", Region.EU, "EUR", "Europe/Madrid", "Amazon.es", _EUROPE, True),
    ("A1F83G8C2ARO7P", "UK", Region.EU, "GBP", "Europe/London", "Amazon.co.uk", _EUROPE, True),
    ("A13V1IB3VIYZZH", "FR", Region.EU, "EUR", "Europe/Paris", "Amazon.fr", _EUROPE, True),
    (
        "AMEN7PMS3EDWL",
        "BE",
        Region.EU,
        "EUR",
        "Europe/Brussels",
        "Amazon.com.be",
        "sellercentral.amazon.com.be",
        True,
    ),
    (
        "A1805IZSGTT6HS",
        "NL",
        Region.EU,
        "EUR",
        "Europe/Amsterdam",
        "Amazon.nl",
        "sellercentral.amazon.nl",
        True,
    ),
    ("A1PA6795UKMFR9", "DE", Region.EU, "EUR", "Europe/Berlin", "Amazon.de", _EUROPE, True),
    ("APJ6JRA9NG5V4", "IT", Region.EU, "EUR", "Europe/Rome", "Amazon.it", _EUROPE, True),
    (
        "A2NODRKZP88ZB9",
        "SE",
        Region.EU,
        "SEK",
        "Europe/Stockholm",
        "Amazon.se",
        "sellercentral.amazon.se",
        True,
    ),
    (
        "AE08WJ6YKNBMC",
        "ZA",
        Region.EU,
        "ZAR",
        "Africa/Johannesburg",
        "Amazon.co.za",
        "sellercentral.amazon.co.za",
        True,
    ),
    (
        "A1C3SOZRARQ6R3",
        "PL",
        Region.EU,
        "PLN",
        "Europe/Warsaw",
        "Amazon.pl",
        "sellercentral.amazon.pl",
        True,
    ),
    (
        "ARBP9OOSHTCHU",
        "EG",
        Region.EU,
        "EGP",
        "Africa/Cairo",
        "Amazon.eg",
        "sellercentral.amazon.eg",
        True,
    ),
    (
        "A33AVAJ2PDY3EV",
        "TR",
        Region.EU,
        "TRY",
        "Europe/Istanbul",
        "Amazon.com.tr",
        "sellercentral.amazon.com.tr",
        True,
    ),
    (
        "A17E79C6D8DWNP",
        "SA",
        Region.EU,
        "SAR",
        "Asia/Riyadh",
        "Amazon.sa",
        "sellercentral.amazon.sa",
        True,
    ),
    (
        "A2VIGQ35RCS4UG",
        "AE",
        Region.EU,
        "AED",
        "Asia/Dubai",
        "Amazon.ae",
        "sellercentral.amazon.ae",
        True,
    ),
    (
        "A21TJRUUN4KGV",
        "IN",
        Region.EU,
        "INR",
        "Asia/Kolkata",
        "Amazon.in",
        "sellercentral.amazon.in",
        True,
    ),
    (
        "A19VAU5U5O7RUS",
        "SG",
        Region.FE,
        "SGD",
        "Asia/Singapore",
        "Amazon.sg",
        "sellercentral.amazon.sg",
        True,
    ),
    (
        "A39IBJ37TRP1C6",
        "AU",
        Region.FE,
        "AUD",
        "Australia/Sydney",
        "Amazon.com.au",
        "sellercentral.amazon.com.au",
        True,
    ),
    (
        "A1VC38T7YXB528",
        "JP",
        Region.FE,
        "JPY",
        "Asia/Tokyo",
        "Amazon.co.jp",
        "sellercentral.amazon.co.jp",
        True,
    ),
)

MARKETPLACES: dict[str, Marketplace] = {row[0]: Marketplace(*row) for row in _ROWS}
_BY_SALES_CHANNEL = {m.sales_channel.casefold(): m for m in MARKETPLACES.values()}
_BY_CODE = {m.code: m for m in MARKETPLACES.values()}


def by_sales_channel(name: str) -> Marketplace | None:
    """Return the store by its name in reports (``Amazon.co.uk``), or None.

    Case is ignored.
    """
    return _BY_SALES_CHANNEL.get(name.strip().casefold())


def by_code(code: str) -> Marketplace:
    """Return the store by Amazon's country code (``UK``, not ``GB``).

    Raises:
        KeyError: there is none.
    """
    return _BY_CODE[code]


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
    """Return the calendar day of `instant` (aware) in a store."""
    return instant.astimezone(zone_of(marketplace_id)).date()
