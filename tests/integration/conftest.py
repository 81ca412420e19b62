"""Every integration test has the database."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _with_database(database: str) -> None:
    """Ask for the database on the test's behalf."""
