"""Every integration test has the database, and the addresses of a deployment as tests set it."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.conf import settings


@pytest.fixture(scope="session", autouse=True)
def _with_demo_mail() -> None:
    """Import the addresses while mail goes to the demo's inbox: some tests change that setting."""
    import_module(settings.ROOT_URLCONF)


@pytest.fixture(autouse=True)
def _with_database(database: str) -> None:
    """Ask for the database on the test's behalf."""
