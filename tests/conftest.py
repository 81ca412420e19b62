"""Fixtures of every test: settings of the environment `test`, and on request a database.

The database is a migrated PostgreSQL with the real roles and grants.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from typing_extensions import override
from xdist.scheduler.loadscope import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING

from tests import preloaded
from tests.database import (
    PASSWORDS,
    WITHOUT_SUPERUSER,
    administrator_dsn,
    prepared_template,
    session_folder,
    test_server,
    worker_database,
    worker_name,
)

if TYPE_CHECKING:
    from tests.cast import Cast

# How fast inputs are made and tried says something about the machine, not about the code.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")

STATE = session_folder() / f"state-{worker_name()}"

#: Modules that take over half a minute, in the order in which parallel workers begin with them: if
#: one began last, the other workers would wait for it. Those that wait much and those that compute
#: much take turns.
LONGEST = (
    "crash/test_kill_during_backfill.py",
    "sabotage/test_controls.py",
    "integration/config/test_database_restart.py",
    "journeys/test_secret_leaks.py",
    "completeness/test_urls.py",
    "journeys/test_connect_to_deletion_proof.py",
    "integration/config/test_monitoring.py",
    "integration/erasure/test_residual_data.py",
    "browser/analytics/test_pages.py",
    "integration/backups/test_restore.py",
    "journeys/test_controls_on_a_demo.py",
    "integration/key_rotation/test_under_traffic.py",
    "integration/key_rotation/test_rotation.py",
    "simulation/test_four_hundred_days.py",
    "integration/key_rotation/test_key_services.py",
    "integration/ingest/imports/test_transaction_report.py",
    "integration/prober/test_prober_from_outside.py",
    "integration/backups/test_corruption.py",
    "integration/erasure/test_no_call_after.py",
    "integration/erasure/test_kills.py",
    "integration/erasure/test_deletion_kills.py",
    "integration/key_rotation/test_kills.py",
    "integration/crypto/test_conformance.py",
    "integration/erasure/test_concurrent_erasure.py",
    "integration/postgres/test_other_deployment_check.py",
    "integration/ingest/imports/test_import_report.py",
    "integration/erasure/test_tenant_erasure.py",
    "completeness/test_tenant_isolation.py",
    "upgrades/test_upgrade.py",
)


def _configure() -> None:
    """Set the environment and Django up, once a process. Needs no database."""
    from theseller.cli.state_folders import make_state_folder
    from theseller.crypto.file_secret_provider import FileSecretProvider
    from theseller.crypto.root_keys import new_root_key
    from theseller.crypto.text_secret_validation import new_text_secret
    from theseller.lib.secret_type import Secret

    shutil.rmtree(STATE, ignore_errors=True)
    os.environ.update(
        THESELLER_STATE=str(STATE),
        THESELLER_ENV="test",
        THESELLER_ROLE="web",
        THESELLER_PUBLIC_URL="http://testserver",
        THESELLER_AMAZON="emulator:http://127.0.0.1:1",
        DJANGO_SETTINGS_MODULE="theseller.config.settings",
    )
    if os.environ.get(WITHOUT_SUPERUSER):  # As on a managed service, which is an external server.
        os.environ["DATABASE_URL"] = f"postgresql:///theseller?host={session_folder()}"
    # Marked: commands that tests start as processes of their own refuse a folder that is not one of
    # TheSeller's.
    make_state_folder(STATE)
    secrets = FileSecretProvider(STATE / "secrets")
    secrets.ensure("root-key", lambda: new_root_key("test"))
    for name in ("django-session-key", "lwa-client-secret"):
        secrets.ensure(name, new_text_secret)
    # One key for the whole session: the template database, copied by every worker, holds its other
    # half.
    secrets.put("tenant-ticket-key", Secret("one-key-for-all-databases-of-this-test-session"))
    for role, password in PASSWORDS.items():
        secrets.put(f"db-{role}", Secret(password))
    import django

    django.setup()
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["tests.passwords.QuickArgon2"]
    from theseller.erasure import vacuum

    # The databases of all workers share a server, where a rewrite waits for the transactions of
    # each.
    vacuum.TRIES = 10 * vacuum.TRIES


_configure()


#: Folders whose tests run on one worker: they share servers that each worker would start again.
ONE_WORKER = ("tests/integration/container/", "tests/integration/crypto/")


class _SharedServers(LoadScopeScheduling):  # type: ignore[misc] # the library has no types
    """Gives a worker the tests of a module, or of all modules of a folder in `ONE_WORKER`."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        for folder in ONE_WORKER:
            if nodeid.startswith(folder):
                return folder
        return str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Return the scheduler of `--dist loadscope`, with the folders of `ONE_WORKER`."""
    return _SharedServers(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest modules first, after the others were shuffled."""
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    missing = [path for path in place if not path.exists()]
    if missing:
        raise pytest.UsageError(f"LONGEST in tests/conftest.py names missing modules: {missing}")
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Let later collections of garbage leave out what was imported and collected: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """Give this worker its own migrated database, and point every alias of Django at it.

    Nothing is rolled back: each test makes tenants of its own, which is also how the product keeps
    shops apart.
    """
    from django.conf import settings as django_settings
    from django.db import connections

    # The addresses depend on where mail goes, which some tests change.
    importlib.import_module(django_settings.ROOT_URLCONF)
    host = str(test_server().socket_dir)
    name = worker_database(prepared_template("migrated", _migrate_in))
    for settings in connections.settings.values():
        settings.update(HOST=host, NAME=name)
    _close_pools()
    yield name
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()


def _close_pools() -> None:
    """Close the pools of a test that ran before the database and tried to connect.

    Django makes one pool for each alias, with the host of that time.
    """
    from django.db.backends.postgresql.base import DatabaseWrapper

    pools = vars(DatabaseWrapper)["_connection_pools"]
    while pools:
        pools.popitem()[1].close()


@pytest.fixture
def cast(database: str) -> Cast:
    """Return Alice, Bob and Charlie with fresh shops."""
    from tests.cast import create_cast

    return create_cast()


@contextlib.contextmanager
def as_role(role: str) -> Iterator[None]:
    """Let the code inside use the database as `role` does: its `default` connection becomes that role's."""
    from django.db import connections

    usual = connections["default"]
    connections["default"] = connections[role]
    try:
        yield
    finally:
        connections["default"] = usual


def _migrate_in(name: str) -> None:
    """Migrate the template in a process of its own, which therefore leaves no connection behind."""
    code = (
        "import django; django.setup();"
        "from theseller.config.migrate import migrate; from theseller.lib import clock;"
        f"migrate({administrator_dsn(name)!r}, at=clock.now())"
    )
    environ = {
        **os.environ,
        "THESELLER_ROLE": "migrate",
        "DATABASE_URL": f"postgresql:///{name}?host={test_server().socket_dir}",
    }
    done = preloaded.run(["-c", code], environ=environ)
    if done.returncode:
        raise RuntimeError(f"migrating the test database failed:\n{done.stdout}\n{done.stderr}")
