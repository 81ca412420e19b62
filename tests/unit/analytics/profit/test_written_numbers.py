"""Amounts and days of a file: one notation for all of it, proven by its own cells."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.analytics.profit.written_numbers import (
    Unreadable,
    names_other_currency,
    read_amounts,
    read_days,
    write_amount,
)


def _amounts(*texts: str) -> list[Decimal] | Unreadable:
    found = read_amounts(dict(enumerate(texts)))
    return found if isinstance(found, Unreadable) else list(found.values())


def _days(*texts: str) -> list[date] | Unreadable:
    found = read_days(dict(enumerate(texts)))
    return found if isinstance(found, Unreadable) else list(found.values())


@pytest.mark.parametrize(
    ("texts", "amounts"),
    [
        (["3.50", "1.234"], ["3.50", "1.234"]),
        (["3,50", "1.234"], ["3.50", "1234"]),
        (["1,234", "0.5"], ["1234", "0.5"]),
        (["1.234,5"], ["1234.5"]),
        (["1,234.5678"], ["1234.5678"]),
        (["12", "0"], ["12", "0"]),
        (["€ 3,50", "7 EUR"], ["3.50", "7"]),
        (["$1.25", "CA$2"], ["1.25", "2"]),
        (["1 234,50", "1\u00a0000"], ["1234.50", "1000"]),
        ([".5"], ["0.5"]),
        ([], []),
    ],
)
def test_the_notation_is_decided_by_all_cells_together(
    texts: list[str], amounts: list[str]
) -> None:
    assert _amounts(*texts) == [Decimal(one) for one in amounts]


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("$12.00", {"USD", "CAD", "MXN", "AUD", "SGD"}, {"EUR", "GBP", "BRL"}),
        ("12,00 $", {"USD", "CAD"}, {"EUR"}),
        ("CA$2", {"CAD"}, {"USD", "EUR"}),
        ("R$ 2", {"BRL"}, {"USD", "EUR"}),
        ("€ 3,50", {"EUR"}, {"USD", "GBP"}),
        ("7 eur", {"EUR"}, {"USD"}),
        ("USD 7", {"USD"}, {"EUR", "CAD"}),
        ("$7 EUR", set(), {"USD", "EUR"}),
        ("AED 7", {"AED"}, {"EUR"}),
        ("7 kr", {"SEK"}, {"EUR"}),
        ("7", {"EUR", "USD"}, set()),
    ],
)
def test_a_currency_beside_an_amount_is_the_right_one_or_another(
    text: str, right: set[str], wrong: set[str]
) -> None:
    assert isinstance(_amounts(text), list)
    assert {one for one in right | wrong if names_other_currency(text, one)} == wrong


@pytest.mark.parametrize(
    ("texts", "keys", "reason"),
    [
        (["5", "1.234"], (1,), "ambiguous"),
        (["1,000"], (0,), "ambiguous"),
        (["3.50", "12", "3,50"], (0, 2), "contradicting"),
        (["1.50", "-3"], (1,), "wrong"),
        (["1.50", "n/a", "1e3"], (1, 2), "wrong"),
        (["1,23,4"], (0,), "wrong"),
        (["NaN"], (0,), "wrong"),
        (["\u0661.50"], (0,), "wrong"),
    ],
)
def test_what_proves_no_notation_is_named(
    texts: list[str], keys: tuple[int, ...], reason: str
) -> None:
    assert _amounts(*texts) == Unreadable(keys, reason)


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["2026-12-31", "1.2.2026"], [date(2026, 12, 31), date(2026, 2, 1)]),
        (["1/2/2026", "1/31/2026"], [date(2026, 1, 2), date(2026, 1, 31)]),
        (["1/2/2026", "31/1/2026"], [date(2026, 2, 1), date(2026, 1, 31)]),
        (["3/3/2026"], [date(2026, 3, 3)]),
    ],
)
def test_days_are_read_in_one_order(texts: list[str], days: list[date]) -> None:
    assert _days(*texts) == days


@pytest.mark.parametrize(
    ("texts", "keys", "reason"),
    [
        (["2026-12-31", "1/2/2026"], (1,), "ambiguous"),
        (["31/1/2026", "1/31/2026"], (0, 1), "contradicting"),
        (["2026-02-30"], (0,), "wrong"),
        (["yesterday"], (0,), "wrong"),
    ],
)
def test_days_that_prove_no_order_are_named(
    texts: list[str], keys: tuple[int, ...], reason: str
) -> None:
    assert _days(*texts) == Unreadable(keys, reason)


@given(st.decimals(0, 999_999_999, places=4))
def test_an_amount_that_was_written_is_read_alone_without_a_doubt(amount: Decimal) -> None:
    assert _amounts(write_amount(amount)) == [amount]
    assert _amounts(write_amount(amount).replace(".", ",")) == [amount]
