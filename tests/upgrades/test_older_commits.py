"""Databases that the code of older commits made, upgraded, are what a new one is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.upgrades.catalogue import schema_of
from tests.upgrades.old_code import LANDED, ROOT, source_of, theseller

from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.postgres.binaries import find_binaries
from theseller.postgres.server import Server

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, for a socket's path is bounded, and passable, for the database may run as another user.
    made = Path(tempfile.mkdtemp(prefix="ts-up-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("commit", LANDED)
def test_a_database_of_an_older_commit_is_as_a_new_one(commit: str, folder: Path) -> None:
    old, now = source_of(commit, folder), ROOT / "src"
    _must(theseller(old, folder / "state", "migrate", "--quiet"))
    _must(theseller(now, folder / "state", "migrate", "--quiet"))
    _must(theseller(now, folder / "fresh", "migrate", "--quiet"))
    upgraded, fresh = _schema(folder / "state"), _schema(folder / "fresh")
    assert sorted(upgraded - fresh) == []
    assert sorted(fresh - upgraded) == []


def _must(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def _schema(state: Path) -> set[str]:
    password = FileSecretProvider(state / "secrets").get("db-superuser").reveal()
    server = Server(
        state,
        binaries=find_binaries(os.environ),
        superuser_password=password,
        durable=False,
        purpose="a test",
    )
    with server.running():
        return schema_of(server.superuser_dsn("theseller"))
