"""Django is set up only by the commands that need it, and always as one named database role."""

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
from theseller.cli.state_folders import lock_state_folder, refuse_other_environment, state_folder
from theseller.postgres.layout import PORT, socket_directory

Role = Literal["web", "worker", "migrate", "retention", "probe"]


def setup_django(role: Role, *, database: bool = True, schema: bool = True) -> None:
    """Make Django ready in this process, its database connection being `role`'s. Once a process: settings are read once.

    Raise CommandError when the state folder belongs to another environment; and at once, rather
    than after a connection pool's patience, when the embedded database does not run; with
    `database=False` it need not, and nothing may be asked of it. Raise WrongSchemaError when the
    database was migrated by a newer version, or not yet by this one; with `schema=False` that is
    the caller's to check.
    """
    state = state_folder(os.environ)
    refuse_other_environment(state)
    lock_state_folder(state)
    if database and not os.environ.get("DATABASE_URL"):
        require_database()
    os.environ["THESELLER_ROLE"] = role
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "theseller.config.settings")
    with _no_collection():
        import django

        django.setup()
    if database and schema:
        from theseller.tenancy.schema_version import refuse_other_schema

        try_connection()
        refuse_other_schema()
        _refuse_other_host(state)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Import without looking for garbage, a tenth of the time; what was imported stays, and later collections leave it out."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def try_connection() -> None:
    """Connect once without the pool: why its connections fail, a pool says in the log only. Raise psycopg.Error."""
    import psycopg
    from django.db import connections

    psycopg.connect(**connections["default"].get_connection_params()).close()


def _refuse_other_host(state: Path) -> None:
    """Raise OtherHostError if secrets and keys are in files, and the database knows them in another state folder."""
    if not stores_keys_on_this_host_only(state):
        return
    from theseller.tenancy.state_folder_host import folder_identity, refuse_other_host

    refuse_other_host(folder_identity(state))


def require_database() -> None:
    """Raise CommandError if the embedded server of this state folder does not listen."""
    state = state_folder(os.environ)
    path = socket_directory(state) / f".s.PGSQL.{PORT}"
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(str(path))
        return
    raise CommandError(
        f"The database of {state} is not running.",
        "Start it with `theseller demo` or `theseller postgres start`, or name another with"
        " THESELLER_STATE or DATABASE_URL.",
    )
