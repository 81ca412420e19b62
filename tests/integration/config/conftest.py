"""The order of tests that share processes."""

from __future__ import annotations

import pytest
from tests.integration.story_order import restore_order


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the test that ends worker and web come last: another after it would start them again."""
    restore_order(items, ("test_database_restart.py",))
