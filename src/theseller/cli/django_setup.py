"""Set up Django as one database role.

Only the commands that need it do.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from theseller.cli.deployment_secrets import stores_keys_on_this_host_only
from theseller.cli.errors import CommandError
from theseller.cli.move_record import refuse_unfinished_move
from theseller.cli.state_folder_locks import lock_state_folder
from theseller.cli.state_folders import refuse_other_environment, state_folder
from theseller.postgres.binaries import find_binaries
from theseller.postgres.initdb_and_settings import check_version
from theseller.postgres.server_folders import PORT, saved_layout, socket_directory

Role = Literal["web", "worker", "migrate", "retention", "probe"]


def setup_django(role: Role, *, database: bool = True, schema: bool = True) -> None:
    """Set up Django in this process, connecting as `role`.

    Once a process, since settings are read once.

    Args:
        role: the database role.
        database: whether the database must run. If not, it must not be used.
        schema: whether to check that this version's schema is in the database; otherwise the caller
            does.

    Raises:
        CommandError: the state folder belongs to another environment, a move of the database was
            interrupted, or the embedded database does not run; a connection pool would notice that
            only after its timeout.
        ConnectionPoolerError: a connection pooler answers in the place of the database.
        WrongSchemaError: a newer version migrated the database, or this version has not yet.
    """
    state = state_folder(os.environ)
    refuse_other_environment(state)
    lock_state_folder(state)
    if database and schema:
        refuse_unfinished_move(state)
    if database and not os.environ.get("DATABASE_URL"):
        require_database()
    os.environ["THESELLER_ROLE"] = role
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "theseller.config.settings")
    with _no_collection():
        import django

        django.setup()
    if database and schema:
        from theseller.tenancy.schema_version_check import refuse_other_schema

        try_connection()
        refuse_other_schema()
        _refuse_other_host(state)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Import without garbage collection, which takes a tenth of the time.

    Later collections leave out what was imported.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def try_connection() -> None:
    """Connect once without the pool.

    A pool writes to the log only why its connections fail.

    Raises:
        psycopg.Error: the connection failed.
        ConnectionPoolerError: a connection pooler answers in the place of the database.
    """
    import psycopg
    from django.db import connections

    from theseller.tenancy.database_startup_checks import refuse_pooled_session

    with psycopg.connect(**connections["default"].get_connection_params()) as connection:
        refuse_pooled_session(connection)


def _refuse_other_host(state: Path) -> None:
    """Check that the database knows this state folder's secrets and keys.

    Raises:
        OtherHostError: they are in files, and the database knows another state folder.
    """
    if not stores_keys_on_this_host_only(state):
        return
    from theseller.tenancy.state_folder_identity import folder_identity, refuse_other_host

    refuse_other_host(folder_identity(state))


def require_database() -> None:
    """Check that the embedded server of this state folder listens.

    Raises:
        CommandError: it does not.
        ServerFailedError: it is of another major version than the programs.
    """
    state = state_folder(os.environ)
    path = socket_directory(state) / f".s.PGSQL.{PORT}"
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(str(path))
        return
    if (layout := saved_layout(state)) is not None and os.access(
        layout.data / "PG_VERSION", os.R_OK
    ):
        check_version(layout, find_binaries(os.environ))
    raise CommandError(
        f"The database of {state} is not running.",
        "Start it with `theseller demo` or `theseller postgres start`, or name another with"
        " THESELLER_STATE or DATABASE_URL.",
    )
