"""A jump of the clock is noticed; what a time server corrects usually is none."""

from __future__ import annotations

import asyncio

import pytest

from theseller.config import clock_jumps


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 2.5])
def test_a_jump_of_the_clock_is_noticed(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    # A time server's corrections of half a second and of 1.9 s come before.
    ahead = iter([100.0, 100.5, 98.6, 98.6 + jump])
    monkeypatch.setattr(clock_jumps, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(clock_jumps, "_ahead", lambda: next(ahead))
    assert asyncio.run(clock_jumps.clock_jump()) == pytest.approx(jump)
