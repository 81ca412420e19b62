"""Formatting amounts, counts and percentages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from theseller.edge.number_formatting import (
    ENGLISH,
    delta_between,
    format_money,
    format_money_compact,
    format_number,
    format_percent,
    style_for,
)
from theseller.lib.money import Money

GERMAN = style_for("de")


@pytest.mark.parametrize(
    ("amount", "currency", "english", "german"),
    [
        ("1234.5", "EUR", "€1,234.50", "1.234,50\u00a0€"),
        ("-1234.505", "USD", "\u2212$1,234.51", "\u22121.234,51\u00a0$"),
        ("-0.004", "EUR", "€0.00", "0,00\u00a0€"),
        ("1234.5", "JPY", "¥1,235", "1.235\u00a0¥"),
        ("99", "SEK", "kr\u00a099.00", "99,00\u00a0kr"),
        ("99", "AED", "AED\u00a099.00", "99,00\u00a0AED"),
        ("12", "CAD", "CA$12.00", "12,00\u00a0CA$"),
    ],
)
def test_format_money_follows_the_language(
    amount: str, currency: str, english: str, german: str
) -> None:
    money = Money(Decimal(amount), currency)
    assert format_money(money, style=ENGLISH) == english
    assert format_money(money, style=GERMAN) == german


def test_the_active_language_is_the_default() -> None:
    assert style_for() == ENGLISH


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("999", "€999"),
        ("8412.40", "€8.4k"),
        ("-8412.40", "\u2212€8.4k"),
        ("123456", "€123k"),
        ("2500000", "€2.5M"),
        ("0", "€0"),
    ],
)
def test_format_money_compact_abbreviates_amounts(amount: str, shown: str) -> None:
    assert format_money_compact(Money(Decimal(amount), "EUR")) == shown


def test_german_abbreviates_in_words() -> None:
    shown = format_money_compact(Money(Decimal("8412.40"), "EUR"), style=GERMAN)
    assert shown == "8,4\u00a0Tsd.\u00a0€"


def test_a_plus_is_written_only_on_request_and_never_on_zero() -> None:
    assert format_number(1234, plus=True) == "+1,234"
    assert format_number(0, plus=True) == "0"
    assert format_number(Decimal("-0.4")) == "0"
    assert format_number(Decimal("2.5")) == "3"


def test_format_percent_follows_the_language() -> None:
    assert format_percent(Decimal("-0.1234")) == "\u221212.3%"
    assert format_percent(Decimal("0.1234"), style=GERMAN) == "12,3\u00a0%"


@pytest.mark.parametrize(
    ("now", "before", "polarity", "direction", "tone"),
    [
        (110, 100, "good", "up", "good"),
        (110, 100, "bad", "up", "bad"),
        (90, 100, "bad", "down", "good"),
        (90, 100, "neutral", "down", "neutral"),
        (103, 100, "good", "up", "neutral"),
        (1002, 1000, "good", "flat", "neutral"),
        (5, 0, "good", "none", "neutral"),
        (None, 5, "good", "none", "neutral"),
        (-50, -100, "good", "up", "good"),
    ],
)
def test_change_tone_depends_on_polarity_and_direction(
    now: int | None, before: int, polarity: str, direction: str, tone: str
) -> None:
    value = None if now is None else Decimal(now)
    change = delta_between(value, Decimal(before), polarity)  # type: ignore[arg-type]
    assert (change.direction, change.tone) == (direction, tone)
