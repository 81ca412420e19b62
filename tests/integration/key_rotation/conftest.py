"""A deployment of its own for each module: its tests replace what others would share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.deployment import Deployment, deployment


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment() as built:
        yield built
