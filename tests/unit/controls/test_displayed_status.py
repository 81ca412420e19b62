"""The rule of colours, exhaustively.

Green only from met evidence that is fresh, not from the future, and of this program.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from tests.cast import NOON

from theseller.controls.security_page_data import displayed_status
from theseller.controls.types import (
    Evidence,
    Failed,
    NothingCheckedError,
    Passed,
    Status,
    Unknown,
    verdict,
)
from theseller.lib.ids import new_id

HOUR = timedelta(hours=1)
AGES = [
    timedelta(minutes=-2),
    timedelta(seconds=-30),
    timedelta(0),
    timedelta(minutes=59),
    HOUR,
    HOUR + timedelta(seconds=1),
    timedelta(days=9),
]
ANSWERS = [Status.PASSED, Status.FAILED, Status.NOT_APPLICABLE, Status.UNKNOWN]


def _evidence(answer: Status, age: timedelta, version: str = "this") -> Evidence:
    return Evidence(1, new_id(), "some-control", answer, 3, "seen", {}, version, NOON - age)


@pytest.mark.parametrize(
    ("answer", "age", "version"), list(product(ANSWERS, AGES, ["this", "other"]))
)
def test_status_is_passed_only_with_recent_passed_evidence_of_this_version(
    answer: Status, age: timedelta, version: str
) -> None:
    found, why = displayed_status(_evidence(answer, age, version), HOUR, at=NOON, version="this")
    may_be_green = (
        answer is Status.PASSED and version == "this" and timedelta(minutes=-1) <= age <= HOUR
    )
    assert (found is Status.PASSED) is may_be_green
    if answer in {Status.FAILED, Status.UNKNOWN}:
        assert found is answer
    assert bool(why) is (found is not answer)


def test_no_evidence_is_unknown() -> None:
    assert displayed_status(None, HOUR, at=NOON, version="this")[0] is Status.UNKNOWN


def test_met_needs_something_checked() -> None:
    with pytest.raises(NothingCheckedError):
        Passed(0)
    with pytest.raises(NothingCheckedError):
        Passed(-1)


def test_a_verdict_is_broken_before_it_is_anything_else() -> None:
    found = verdict(0, ["one.", "two.", "two.", "three.", "four."], "fine")
    assert found == Failed(
        "one. two. three. And 1 more.", 0, {"findings": ["one.", "two.", "three.", "four."]}
    )
    assert isinstance(verdict(0, [], "fine"), Unknown)
    assert verdict(2, [], "fine", tables=2) == Passed(2, "fine", {"tables": 2})
