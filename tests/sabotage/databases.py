"""A database of one's own: what is broken here, or seeded without care elsewhere, must not meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from tests.conftest import _migrate_in
from tests.database import (
    create_database,
    drop_database,
    prepared_template,
    test_server,
    worker_name,
)


@contextmanager
def own_database(purpose: str) -> Iterator[str]:
    """Point every alias of Django's at a fresh migrated database; point them back and drop it afterwards."""
    name = f"{purpose}_{worker_name()}"
    drop_database(name)
    create_database(name, template=prepared_template("migrated", _migrate_in))
    before = {
        alias: (settings["HOST"], settings["NAME"])
        for alias, settings in connections.settings.items()
    }
    _let_go()
    for settings in connections.settings.values():
        settings.update(HOST=str(test_server().socket_dir), NAME=name)
    try:
        yield name
    finally:
        _let_go()
        for alias, (host, database) in before.items():
            connections.settings[alias].update(HOST=host, NAME=database)
        drop_database(name)


def _let_go() -> None:
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()
