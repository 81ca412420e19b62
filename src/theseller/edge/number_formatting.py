"""Format numbers for a locale: grouping, minus sign, currency decimals.

Pure functions over `Decimal`; `style_for` reads a `NumberStyle` from Django's locale formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from django.utils.formats import get_format
from django.utils.translation import get_language

from theseller.lib.money import Money, minor_unit_digits

MINUS = "\u2212"
NO_BREAK = "\u00a0"
DASH = "\u2013"

#: Currency symbols of Amazon's stores (CLDR). Dollars other than the US dollar have a prefix.
_SYMBOLS = {
    "USD": "$", "CAD": "CA$", "MXN": "MX$", "BRL": "R$", "EUR": "\u20ac", "GBP": "\u00a3",
    "JPY": "\u00a5", "INR": "\u20b9", "AUD": "A$", "SGD": "S$", "TRY": "\u20ba", "SEK": "kr",
    "PLN": "z\u0142",
}  # fmt: skip
_SYMBOL_FIRST_LANGUAGES = frozenset({"en", "ja", "zh", "ko", "hi", "nl"})
_COMPACT_STEPS = (Decimal(1_000_000_000), Decimal(1_000_000), Decimal(1_000))
#: What follows a number of billions, millions and thousands (CLDR); English for other languages.
_COMPACT_SUFFIXES = {"de": ("\u00a0Mrd.", "\u00a0Mio.", "\u00a0Tsd.")}

Direction = Literal["up", "down", "flat", "none"]
Tone = Literal["good", "bad", "neutral"]
Polarity = Literal["good", "bad", "neutral"]


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How one locale writes numbers. `percent_gap` precedes the percent sign."""

    point: str = "."
    group: str = ","
    symbol_first: bool = True
    percent_gap: str = ""
    compact_suffixes: tuple[str, str, str] = ("B", "M", "k")


ENGLISH = NumberStyle()


def style_for(language: str | None = None) -> NumberStyle:
    """Return the style of `language` (``de``, ``en-gb``) or the active one."""
    tag = language or get_language() or "en"
    base = tag.split("-", maxsplit=1)[0]
    return NumberStyle(
        point=str(get_format("DECIMAL_SEPARATOR", lang=tag, use_l10n=True)),
        group=str(get_format("THOUSAND_SEPARATOR", lang=tag, use_l10n=True)),
        symbol_first=base in _SYMBOL_FIRST_LANGUAGES,
        percent_gap="" if base in _SYMBOL_FIRST_LANGUAGES else NO_BREAK,
        compact_suffixes=_COMPACT_SUFFIXES.get(base, ENGLISH.compact_suffixes),
    )


def rounded(value: Decimal | int, digits: int) -> Decimal:
    """Round half away from zero; a zero is never negative."""
    result = Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return abs(result) if result == 0 else result


def _digits_of(value: Decimal, digits: int, style: NumberStyle) -> str:
    whole, _, fraction = f"{abs(value):,.{digits}f}".partition(".")
    whole = whole.replace(",", style.group)
    return f"{whole}{style.point}{fraction}" if fraction else whole


def _sign(value: Decimal, *, plus: bool) -> str:
    if value < 0:
        return MINUS
    return "+" if plus and value > 0 else ""


def format_number(
    value: Decimal | int, digits: int = 0, *, style: NumberStyle = ENGLISH, plus: bool = False
) -> str:
    """Format `value` with `digits` decimals and a real minus sign.

    With `plus`, positive values have a sign as well.
    """
    shown = rounded(value, digits)
    return _sign(shown, plus=plus) + _digits_of(shown, digits, style)


def format_count(value: int) -> str:
    """Format a whole number in the active language."""
    return format_number(value, style=style_for())


def format_money(
    money: Money, *, style: NumberStyle = ENGLISH, digits: int | None = None, plus: bool = False
) -> str:
    """Format an amount with its currency: ``€1,234.50`` or ``1.234,50 €``.

    `digits` overrides the currency's decimals.
    """
    places = minor_unit_digits(money.currency) if digits is None else digits
    shown = rounded(money.amount, places)
    return _sign(shown, plus=plus) + _with_symbol(
        _digits_of(shown, places, style), money.currency, style
    )


def format_money_compact(money: Money, *, style: NumberStyle = ENGLISH) -> str:
    """Format an amount in about three digits for an axis: ``€8.4k``.

    Show the exact value elsewhere on the page.
    """
    magnitude = abs(money.amount)
    for step, suffix in zip(_COMPACT_STEPS, style.compact_suffixes, strict=True):
        if magnitude >= step:
            scaled = money.amount / step
            text = (
                _digits_of(
                    rounded(scaled, 1 if magnitude / step < 100 else 0),
                    1 if magnitude / step < 100 else 0,
                    style,
                )
                + suffix
            )
            return _sign(money.amount, plus=False) + _with_symbol(text, money.currency, style)
    return format_money(money, style=style, digits=0)


def _with_symbol(text: str, currency: str, style: NumberStyle) -> str:
    symbol = _SYMBOLS.get(currency)
    if symbol is None:
        return (
            f"{currency}{NO_BREAK}{text}" if style.symbol_first else f"{text}{NO_BREAK}{currency}"
        )
    if not style.symbol_first:
        return f"{text}{NO_BREAK}{symbol}"
    return f"{symbol}{NO_BREAK}{text}" if symbol.isalpha() else f"{symbol}{text}"


def format_percent(
    ratio: Decimal, digits: int = 1, *, style: NumberStyle = ENGLISH, plus: bool = False
) -> str:
    """Write a ratio (0.123) as a percentage (``12.3%``)."""
    return f"{format_number(ratio * 100, digits, style=style, plus=plus)}{style.percent_gap}%"


@dataclass(frozen=True, slots=True)
class Delta:
    """A change between two periods.

    `ratio` is None if nothing can be compared (no earlier value, or zero).
    """

    direction: Direction
    tone: Tone
    ratio: Decimal | None


#: Smaller changes are shown as unchanged: noise must not look like a trend.
FLAT_BELOW = Decimal("0.005")
#: Smaller changes have no color.
COLOUR_FROM = Decimal("0.05")


def delta_between(
    now: Decimal | None, before: Decimal | None, polarity: Polarity = "good"
) -> Delta:
    """Compare two values.

    `polarity` tells what an increase means: ``good`` (sales), ``bad`` (refund rate) or ``neutral``.
    """
    if now is None or before is None or before == 0:
        return Delta("none", "neutral", None)
    ratio = (now - before) / abs(before)
    if abs(ratio) < FLAT_BELOW:
        return Delta("flat", "neutral", ratio)
    direction: Direction = "up" if ratio > 0 else "down"
    if polarity == "neutral" or abs(ratio) < COLOUR_FROM:
        return Delta(direction, "neutral", ratio)
    return Delta(direction, "good" if (ratio > 0) == (polarity == "good") else "bad", ratio)
