"""How Amazon writes instants and amounts."""

from __future__ import annotations

from datetime import UTC, datetime

from theseller.lib.money import minor_unit_digits


def instant(at: datetime) -> str:
    """Write ``2026-01-02T03:04:05Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_exact(at: datetime) -> str:
    """Write ``2026-01-02T03:04:05.678Z``, as the Finances API does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def amount(minor: int, currency: str) -> str:
    """Return whole minor units as a decimal number.

    1234 is ``12.34`` in dollars and ``1234`` in yen.
    """
    digits = minor_unit_digits(currency)
    if not digits:
        return str(minor)
    whole, rest = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:0{digits}d}"


def amount_with_comma(minor: int, currency: str) -> str:
    """Write as European settlement reports do: ``1.234,56``."""
    text = amount(minor, currency)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, rest = digits.partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    return f"{sign}{grouped},{rest}" if rest else f"{sign}{grouped}"


def money(minor: int, currency: str) -> dict[str, str]:
    """Return the Orders API's Money: the amount is a text."""
    return {"amount": amount(minor, currency), "currencyCode": currency}


def currency_amount(minor: int, currency: str) -> dict[str, object]:
    """Return the Finances API's Currency: the amount is a number."""
    text = amount(minor, currency)
    return {"currencyCode": currency, "currencyAmount": float(text) if "." in text else int(text)}
