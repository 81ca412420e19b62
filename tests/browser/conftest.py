"""Tests of pages in a browser."""

from __future__ import annotations

import pytest
import tests.browser_sessions  # noqa: F401 - it sets how long `expect` waits
from tests.browser import accessibility


@pytest.fixture(
    params=["light", pytest.param("light and dark", marks=pytest.mark.exhaustive)],
)
def schemes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose the color schemes in which a test of many pages judges them.

    The parts that pages are made of are judged in both by `edge/test_screens.py`.
    """
    monkeypatch.setattr(accessibility, "DARK_TOO", request.param != "light")
