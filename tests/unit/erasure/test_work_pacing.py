"""An erasure rests in proportion to its work, and not after work that failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from theseller.erasure.work_pacing import (
    BACKGROUND_SHARE,
    LONGEST_PAUSE_SECONDS,
    UNTHROTTLED,
    Throttle,
)


def _pace(share: float, *seconds: float) -> tuple[Throttle, list[float]]:
    """Return a pace by whose clock each piece of work takes so long, and the rests it will have had."""
    rests: list[float] = []
    times: Iterator[float] = iter([moment for taken in seconds for moment in (0.0, taken)])
    return Throttle(share, rests.append, lambda: next(times)), rests


def test_the_throttle_works_its_share_of_the_time() -> None:
    pace, rests = _pace(BACKGROUND_SHARE, 0.5, 0.01)
    for _ in range(2):
        with pace.work():
            pass
    assert 0.51 / (0.51 + sum(rests)) == pytest.approx(BACKGROUND_SHARE)


def test_throttle_pause_is_at_most_the_maximum() -> None:
    pace, rests = _pace(BACKGROUND_SHARE, 3600.0)
    with pace.work():
        pass
    assert rests == [LONGEST_PAUSE_SECONDS]


def test_unthrottled_work_has_no_pauses() -> None:
    assert UNTHROTTLED.share == 1
    pace, rests = _pace(1.0, 10.0)
    with pace.work():
        pass
    assert rests == []


def test_throttle_does_not_pause_after_failed_work() -> None:
    pace, rests = _pace(0.1, 10.0)
    with pytest.raises(ZeroDivisionError), pace.work():
        raise ZeroDivisionError
    assert rests == []


@pytest.mark.parametrize("share", [0, -0.1, 1.01])
def test_throttle_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="part of the time"):
        Throttle(share)
