"""One green deployment for all saboteurs.

Each repairs what it broke, and the next begins by checking that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from django.conf import settings
from django.test import override_settings
from tests.advisories import imported_advisories
from tests.database import roles_lock, test_server
from tests.releases import small_installation
from tests.sabotage.backup_context import small_backup
from tests.sabotage.databases import own_database
from tests.sabotage.deployment import Deployment, keep_a_recipient, set_up
from tests.sabotage.machine import encrypted_machine

from theseller.amazon.roles import RestrictedRole
from theseller.config.release_settings import ReleaseSettings
from theseller.controls.catalogue import bak_automatic
from theseller.controls.probe_tools import disk_encryption
from theseller.lib.egress_guard import restrict_egress
from theseller.postgres.server_folders import control_folder, saved_layout
from theseller.releases import installed_files


@pytest.fixture(autouse=True)
def _no_role_changes() -> Iterator[None]:
    """All xdist workers share one cluster, and with it its roles, which probes look at."""
    with roles_lock():
        yield


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("sabotage") as name:
        yield name


@pytest.fixture(scope="module")
def deployment(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give a deployment whose disks are encrypted, as far as its machine shows them.

    Its database's files are where its state says, its advisories of today. Its program is a small one that is installed from
    a release.
    """
    where = control_folder(settings.ENVIRONMENT.state) / "where.json"
    server = saved_layout(test_server().state)
    assert server is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            disk_encryption, "THIS_MACHINE", encrypted_machine(tmp_path_factory.mktemp("machine"))
        )
        where.parent.mkdir(exist_ok=True)
        where.write_text(json.dumps({"home": str(server.home), "run": str(server.run)}))
        # The tests' server hands over no log of changes; the saboteurs' deployment looks at one
        # that does.
        patch.setattr(bak_automatic, "archiver", lambda _world: (True, False))
        installed = small_installation(tmp_path_factory.mktemp("installed"))
        patch.setattr(installed_files, "running_installation", lambda: installed.installation)
        patch.setattr(settings, "RELEASE", ReleaseSettings(installed.release, installed.key_file))
        restrict_egress(settings.EGRESS)
        environment = replace(
            settings.ENVIRONMENT, restricted_roles=(RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING,)
        )
        with (
            override_settings(ENVIRONMENT=environment),
            small_backup(tmp_path_factory.mktemp("archive")),
            a_log(),
            imported_advisories(settings.ENVIRONMENT.state),
        ):
            made = set_up()
            keep_a_recipient(made.cast.charlies_shop, made.charlies)
            yield made
        restrict_egress(None)
        where.unlink()


@contextmanager
def a_log() -> Iterator[None]:
    """Leave a log of the worker's in the state folder, as a supervisor writes it."""
    path = settings.ENVIRONMENT.state / "log" / "worker.log"
    path.parent.mkdir(exist_ok=True)
    path.write_text("worker: ready\n")
    yield
    path.unlink()


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        yield connection
