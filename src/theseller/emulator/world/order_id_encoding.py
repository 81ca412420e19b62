"""Encode in an order's ID where the order is, and decode it."""

from __future__ import annotations

from datetime import date

from theseller.emulator.world.sellers import STORES_PER_SELLER_MAX, Seller

_SEQUENCE_SPACE = 10_000_000  # The middle group of an order id has seven digits.
_PER_STORE = 320
_EPOCH = date(2022, 1, 1)
_FACTOR = 7_654_321  # Coprime to ten million, so that the scrambling below can be undone.
_INVERSE = pow(_FACTOR, -1, _SEQUENCE_SPACE)


def scramble(seed: int, seller: Seller, day: date, store_index: int, sequence: int) -> str:
    """Return seven digits of an order ID that encode where the order is.

    The order can be found again by its ID alone (`unscramble`).
    """
    plain = ((day - _EPOCH).days * STORES_PER_SELLER_MAX + store_index) * _PER_STORE + sequence
    return f"{(plain * _FACTOR + _offset(seed, seller)) % _SEQUENCE_SPACE:07d}"


def unscramble(seed: int, seller: Seller, digits: str) -> tuple[date, int, int] | None:
    """Return (day, index of the store, sequence) from the digits of an ID.

    None for digits that `scramble` never returns for this seller.
    """
    plain = (int(digits) - _offset(seed, seller)) * _INVERSE % _SEQUENCE_SPACE
    day_store, sequence = divmod(plain, _PER_STORE)
    days, store_index = divmod(day_store, STORES_PER_SELLER_MAX)
    if store_index >= len(seller.stores):
        return None
    return date.fromordinal(_EPOCH.toordinal() + days), store_index, sequence


def _offset(seed: int, seller: Seller) -> int:
    return (seed * 1_234_577 + sum(map(ord, seller.id)) * 7919) % _SEQUENCE_SPACE


def most_orders_a_day() -> int:
    """Return the number of orders that IDs can tell apart per store and day."""
    return _PER_STORE
