"""A log, a key store and a copy of one's own: what is broken here must not be found by other tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from tests.conftest import as_role
from tests.database import test_server
from tests.sabotage.databases import own_database

from theseller.crypto.file_key_store import FileKeyStore

Superuser = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Superuser]:
    """Give a superuser's connection to a fresh database in which no trigger refuses anything.

    The alias `default` is the worker.
    """
    store = FileKeyStore(tmp_path / "keys", settings.SECRETS, environment="test")
    monkeypatch.setattr(settings, "KEY_STORE", store)
    monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, state=tmp_path))
    with (
        own_database("audit") as name,
        as_role("worker"),
        psycopg.connect(test_server().superuser_dsn(name), autocommit=True) as superuser,
    ):
        superuser.execute("set session_replication_role = replica")
        yield superuser
