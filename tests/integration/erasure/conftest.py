"""A deployment of its own for erasures and kills, with an archive of WAL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.deployment import Deployment, deployment


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    """Yield a deployment, made at the first test of a module that requests it."""
    with deployment(archiving=True, emulated=False) as built:
        yield built
