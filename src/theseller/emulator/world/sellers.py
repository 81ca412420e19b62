"""Emulated sellers: their names, stores and order volumes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from theseller.lib.marketplaces import Marketplace, Region, by_code


@dataclass(frozen=True, slots=True)
class Store:
    """A seller's store in one marketplace.

    `price_factor`: local minor units for one US cent of list price.
    """

    marketplace: Marketplace
    orders_per_day: float
    price_factor: float
    assortment: float
    """Share of the catalog that is listed here."""


#: The digits of an order ID encode which store of its seller it is from
#: (`world/order_id_encoding.py`).
STORES_PER_SELLER_MAX = 3


@dataclass(frozen=True, slots=True)
class Seller:
    """A seller account in one region."""

    id: str
    owner: str
    brand: str
    region: Region
    stores: tuple[Store, ...]
    opened: date
    products: int

    def __post_init__(self) -> None:
        """Refuse more stores than order IDs can encode."""
        if len(self.stores) > STORES_PER_SELLER_MAX:
            raise ValueError(f"{self.id}: a seller has at most {STORES_PER_SELLER_MAX} stores")

    def store(self, marketplace_id: str) -> Store:
        """Return the seller's store in a marketplace.

        Raises:
            KeyError: the seller has none there.
        """
        for store in self.stores:
            if store.marketplace.id == marketplace_id:
                return store
        raise KeyError(marketplace_id)


def _store(code: str, orders_per_day: float, price_factor: float, assortment: float = 1.0) -> Store:
    return Store(by_code(code), orders_per_day, price_factor, assortment)


SELLERS: dict[str, Seller] = {
    seller.id: seller
    for seller in (
        Seller(
            "A2ALICEEXAMPLE1",
            "Alice",
            "Larkhill",
            Region.NA,
            (_store("US", 28.0, 1.0), _store("CA", 6.0, 1.36, 0.7), _store("MX", 2.0, 18.4, 0.4)),
            date(2023, 9, 4),
            120,
        ),
        Seller(
            "A3CHARLIEEXMPL",
            "Charlie",
            "Fellwerk",
            Region.EU,
            (_store("UK", 6.0, 0.84), _store("DE", 5.0, 0.97), _store("FR", 3.0, 0.98, 0.8)),
            date(2023, 11, 6),
            48,
        ),
        Seller(
            "A2ALICEEUROPE1",
            "Alice",
            "Larkhill",
            Region.EU,
            (_store("UK", 2.5, 0.84, 0.5), _store("DE", 1.5, 0.97, 0.5)),
            date(2024, 6, 3),
            120,
        ),
        Seller(
            "A4DORAEXAMPLE22",
            "Dora",
            "Kiyosato",
            Region.FE,
            (_store("JP", 8.0, 1.52),),
            date(2024, 2, 5),
            40,
        ),
    )
}
"""By selling partner ID.

One yen is its own minor unit: a US cent of list price is about one and a half yen.
"""
