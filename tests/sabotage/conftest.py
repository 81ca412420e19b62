"""One green deployment for all saboteurs; each repairs what it broke, and the next begins by seeing that."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from tests.database import test_server
from tests.sabotage.backup_world import small_backup
from tests.sabotage.databases import own_database
from tests.sabotage.deployment import Deployment, set_up
from tests.sabotage.machine import encrypted_machine

from theseller.controls import volumes
from theseller.controls.catalogue import bak_automatic
from theseller.lib.egress import confine
from theseller.postgres.layout import control_folder, saved_layout


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("sabotage") as name:
        yield name


@pytest.fixture(scope="module")
def deployment(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose disks are encrypted, as far as its machine shows them, and whose database's files lie where its state says."""
    where = control_folder(settings.ENVIRONMENT.state) / "where.json"
    server = saved_layout(test_server().state)
    assert server is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(volumes, "THIS_MACHINE", encrypted_machine(tmp_path_factory.mktemp("machine")))
        where.parent.mkdir(exist_ok=True)
        where.write_text(json.dumps({"home": str(server.home), "run": str(server.run)}))
        # The tests' server hands over no log of changes; the saboteurs' deployment looks at one that does.
        patch.setattr(bak_automatic, "archiver", lambda _world: (True, False))
        confine(settings.EGRESS)
        with small_backup(tmp_path_factory.mktemp("archive")):
            yield set_up()
        confine(None)
        where.unlink()


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        yield connection
