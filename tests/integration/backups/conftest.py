"""A deployment of its own for backups and kills, with an archive of WAL.

Made at the first test that requests it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.deployment import Deployment, deployment

#: Modules that tell one story: each test begins where the one before it ended.
_STORIES = ("test_restore.py",)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of a story back into their order, at the places that chance gave the module."""
    for story in _STORIES:
        places = [index for index, item in enumerate(items) if item.path.name == story]
        result = sorted(
            (items[index] for index in places), key=lambda item: item.reportinfo()[1] or 0
        )
        for index, item in zip(places, result, strict=True):
            items[index] = item


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment(archiving=True, emulated=False) as built:
        yield built
