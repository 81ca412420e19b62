"""Exact money: a `Decimal` and its ISO 4217 code. No floats."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

#: Currencies of Amazon's stores whose smallest unit is not a hundredth (ISO 4217).
_MINOR_UNIT_DIGITS = {"JPY": 0}


class MixedCurrenciesError(ValueError):
    """Two currencies were added; there is no total without an exchange rate."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency.

    `amount` is exact and may have more digits than the currency's minor unit.
    """

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            message = f"cannot add {other.currency} to {self.currency}"
            raise MixedCurrenciesError(message)
        return Money(self.amount + other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)


def is_plausible(amount: Decimal) -> bool:
    """Return whether a ledger can hold `amount`.

    It must be finite, below ten quadrillion, and have at most 64 digits. A binary float printed
    exactly has up to 55 digits; no report has more.
    """
    if not amount.is_finite():
        return False
    _, digits, exponent = amount.as_tuple()
    return (
        len(digits) <= 64
        and isinstance(exponent, int)
        and -64 <= exponent <= 15
        and amount.adjusted() <= 15
    )


def minor_unit_digits(currency: str) -> int:
    """Return how many decimals `currency` has: 2 for most, 0 for the yen."""
    return _MINOR_UNIT_DIGITS.get(currency, 2)


def parse_amount(text: str, *, decimal_comma: bool = False) -> Decimal:
    """Parse an amount as reports print it.

    ``1,234.56``, or ``1.234,56`` with `decimal_comma`.

    Raises:
        ValueError: the text is no finite number.
    """
    grouping, point = (".", ",") if decimal_comma else (",", ".")
    cleaned = (
        text.strip()
        .replace("\u00a0", "")
        .replace(" ", "")
        .replace(grouping, "")
        .replace(point, ".")
    )
    try:
        amount = Decimal(cleaned)
    except InvalidOperation:
        message = "not a number"  # Never the text: a shifted column may contain a buyer's name.
        raise ValueError(message) from None
    if not amount.is_finite():
        message = "not a finite number"
        raise ValueError(message)
    return amount
