"""A database of its own: the page shows the whole deployment.

What other tests leave behind would be on it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.sabotage.databases import own_database


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("controls") as name:
        yield name
