"""What URLs of lists request: no text of a URL is an error."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.utils import translation

from theseller.edge.list_parameters import PAGES_MAX, page_range, read_page_number, read_search


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1), ("1", 1), ("7", 7), ("007", 7), ("0", 1), ("-3", 1), ("1e3", 1), ("x", 1),
        ("\u0663", 1), ("\u00b2", 1), (" 2", 1), ("10000", PAGES_MAX), ("10001", 1),
        ("9" * 5000, 1), ("0" * 5000 + "2", 1), ("0" * 5000, 1),
    ],
)  # fmt: skip
def test_a_page_number_is_read_or_is_the_first(text: str, number: int) -> None:
    words = QueryDict(mutable=True)
    words["page"] = text
    assert read_page_number(words) == number


def test_without_parameters_it_is_the_first_page_and_no_search() -> None:
    assert (read_page_number(QueryDict()), read_search(QueryDict())) == (1, "")


def test_a_search_is_cut_and_has_no_nul() -> None:
    words = QueryDict(mutable=True)
    words["q"] = "  mug\x00 " + "x" * 200
    assert read_search(words).startswith("mug ")
    assert len(read_search(words)) == 100


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "1,001\u20131,050 of 12,040"), ("de", "1.001\u20131.050 von 12.040")],
)
def test_the_rows_of_a_page_are_written_as_the_language_does(language: str, text: str) -> None:
    with translation.override(language):
        assert page_range(1000, 50, 12_040) == text
        assert page_range(1000, 0, 12_040) == ""
