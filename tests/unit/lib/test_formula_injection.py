"""No text of an export begins a formula.

Not at its beginning, and not where a spreadsheet of another locale cuts it.
"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.lib.formula_injection import neutralize_formulas

BLANKS = [
    "",
    " ",
    "  ",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u180e",
    "\u00ad",
    "\x0b",
    "\x1f",
    "\t",
    "\r",
    "\n",
    "\u2028",
    '"',
    "\u3164",
]
STARTS = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\u2212", "\ufe62", "\ufe66"]


def _begins_a_formula(cell: str) -> bool:
    shown = "".join(
        letter
        for letter in cell
        if unicodedata.category(letter) not in {"Zs", "Zl", "Zp", "Cc", "Cf"}
    )
    return (
        unicodedata.normalize("NFKC", shown).lstrip('"').startswith(("=", "+", "-", "@", "\u2212"))
    )


def _cut(text: str) -> list[str]:
    pieces = [text]
    for separator in ";,|\t\r\n":
        pieces += text.split(separator)
    return pieces


@pytest.mark.parametrize("separator", ["", "x;", "x,", "x\t", "x|", "x\n", "x\r\n", ";;", "x ;"])
@pytest.mark.parametrize("blank", BLANKS)
def test_formula_after_any_separator_is_neutralized(separator: str, blank: str) -> None:
    for start in STARTS:
        safe = neutralize_formulas(f"{separator}{blank}{start}1+1")
        assert not any(map(_begins_a_formula, _cut(safe))), safe


@given(
    st.text(
        st.sampled_from([*";,|=+-@ax1'", *[blank for blank in BLANKS if len(blank) == 1], *STARTS]),
        max_size=12,
    )
)
def test_no_text_of_separators_blanks_and_signs_begins_a_formula(text: str) -> None:
    safe = neutralize_formulas(text)
    assert not any(map(_begins_a_formula, _cut(safe))), safe
    assert safe.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize(
    "text",
    ["Mug, 450 ml", "MUG-1", "3=4", "", "\u00c4pfel", "'quoted", "a; b", "111-7654321-1234567"],
)
def test_text_that_is_not_a_formula_is_unchanged(text: str) -> None:
    assert neutralize_formulas(text) == text
