"""A deployment of its own for backups and kills, with an archive of WAL.

Made at the first test that requests it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.deployment import Deployment, deployment
from tests.integration.story_order import restore_order

#: Modules that tell one story: each test begins where the one before it ended.
_STORIES = ("test_restore.py",)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    restore_order(items, _STORIES)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment(archiving=True, emulated=False) as built:
        yield built
