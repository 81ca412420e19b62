"""One green deployment for all saboteurs; each repairs what it broke, and the next begins by seeing that."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.database import test_server
from tests.sabotage.databases import own_database
from tests.sabotage.deployment import Deployment, set_up


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("sabotage") as name:
        yield name


@pytest.fixture(scope="module")
def deployment(database: str) -> Deployment:
    return set_up()


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        yield connection
