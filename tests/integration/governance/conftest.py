"""One deployment of its own for all tests of rotations: they replace what every other test shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.governance.deployment import Deployment, deployment


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployment]:
    with deployment() as built:
        yield built
