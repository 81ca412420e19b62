"""A deployment of its own for backups and kills, with an archive of WAL; made at the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.governance.deployment import Deployment, deployment


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment(archiving=True) as built:
        yield built
