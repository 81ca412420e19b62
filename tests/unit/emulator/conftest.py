"""Fixtures of the emulator's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.emulator.support import Amazon, amazon_with

from theseller.emulator.world.world_queries import World


@pytest.fixture
def amazon(tmp_path: Path) -> Amazon:
    return amazon_with(tmp_path / "state")


@pytest.fixture(scope="session")
def world() -> World:
    return World(7)
