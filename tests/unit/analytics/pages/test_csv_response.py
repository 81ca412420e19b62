"""CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.lib.formula_injection import neutralize_formulas


def _read(response_body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response_body.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u00a0=1",
        "\uff1d1+1",
        '=HYPERLINK("http://x")',
    ],
)
def test_formula_text_in_csv_is_prefixed_with_an_apostrophe(text: str) -> None:
    assert neutralize_formulas(text).startswith("'")
    assert neutralize_formulas(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", ["Mug, 450 ml", "MUG-1", "3=4", "", "\u00c4pfel", "'quoted"])
def test_text_that_is_not_a_formula_is_unchanged(text: str) -> None:
    assert neutralize_formulas(text) == text


def test_numbers_keep_their_sign_and_every_digit() -> None:
    body = csv_response(
        "x",
        ["a"],
        [[Decimal("-12.3400"), Decimal(0), 7, None, date(2026, 11, 1), "-x", Decimal("1E+3")]],
    ).content
    assert _read(body)[1] == ["-12.34", "0", "7", "", "2026-11-01", "'-x", "1000"]


@given(
    st.lists(
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")),
        min_size=1,
        max_size=6,
    )
)
def test_csv_cells_keep_their_text_and_never_begin_a_formula(texts: list[Cell]) -> None:
    row = _read(csv_response("x", ["a"], [texts]).content)[1:]
    cells = row[0] if row else [""]
    for text, cell in zip(texts, cells, strict=True):
        assert cell.replace("'", "") == str(text).replace("'", "")
        assert not cell.startswith(("=", "+", "-", "@"))


def test_csv_response_is_a_private_uncached_download() -> None:
    response = csv_response("theseller-days", ["a"], [])
    assert response["Content-Disposition"] == 'attachment; filename="theseller-days.csv"'
    assert response["Cache-Control"] == "private, no-store"
    assert response.content.startswith(b"\xef\xbb\xbf")
