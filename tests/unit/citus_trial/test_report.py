"""Outcomes, refusals, ratios and tables of the trial on Citus; the trial itself is run by hand."""

from __future__ import annotations

import psycopg
from benchmarks.citus_trial.report import (
    PASS,
    REFUSED,
    WRONG,
    Figure,
    Report,
    markdown,
    one_line,
    refusal,
)


def _refuses() -> object:
    raise psycopg.errors.FeatureNotSupported("COPY FROM not | supported")


def test_an_attempt_passes_is_refused_or_is_wrong() -> None:
    report = Report()
    assert report.attempt("area", "passes", lambda: "7 rows")
    assert not report.attempt("area", "is refused", _refuses)
    assert not report.attempt("area", "is wrong", lambda: False)
    assert report.counts() == {PASS: 1, REFUSED: 1, WRONG: 1}
    assert report.table().splitlines()[2:] == [
        "| area | passes | PASS | 7 rows |",
        "| area | is refused | REFUSED | FeatureNotSupported: COPY FROM not / supported |",
        "| area | is wrong | WRONG | False |",
    ]


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    figure = Figure("read", "ms", {"plain": [10.0, 20.0, 40.0], "cluster": [20.0, 20.0, 20.0]})
    assert figure.row(("plain", "cluster", "absent"), "plain") == (
        "read",
        "ms",
        "20.0",
        "20.0 (1.00)",
        "",
    )


def test_a_refusal_is_the_cause_of_the_error() -> None:
    error = ValueError("outer")
    error.__cause__ = psycopg.OperationalError("inner")
    assert refusal(error) == "OperationalError: inner"
    assert refusal(ValueError("only")) == "ValueError: only"


def test_long_notes_are_shortened_to_one_line() -> None:
    assert one_line("a\n  b") == "a b"
    assert one_line("x" * 500).endswith("…")
    assert markdown(("a", "b"), [(1, 2)]) == "| a | b |\n|---|---|\n| 1 | 2 |"
