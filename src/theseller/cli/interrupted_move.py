"""Undo or finish a move of the database, also one that was killed.

Every step can be repeated.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from theseller.cli.embedded_server_preparation_and_roles import apply_roles, server_of
from theseller.cli.errors import CommandError
from theseller.cli.external_postgres_inspection import inspect_server
from theseller.cli.move_record import (
    PURPOSE,
    MoveRecord,
    Phase,
    To,
    only_mover,
    read_record,
    remove_record,
)
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.orphaned_server import clean_up_after_killed_run
from theseller.postgres.replaced_databases import replaced_folders
from theseller.postgres.role_setup import close_database
from theseller.postgres.server_folders import control_folder, saved_layout
from theseller.postgres.swap_data_dir import set_data_aside

_AFTER_EXTERNAL = """\
Now: 1. set DATABASE_URL={address} in the configuration, and start web and worker: theseller doctor.
     2. let your database service take backups: TheSeller takes none of an external database.
     3. the embedded database is in {aside} and is not used any more. It holds data that will be
        deleted later on: remove it within seven days."""
_AFTER_EMBEDDED = """\
Now: 1. remove DATABASE_URL from the configuration, and start database, web and worker: theseller
        doctor.
     2. theseller backup now.
     3. the database {database} on the external server accepts no connections any more. It holds
        data that will be deleted later on: drop it within seven days."""


def recover(state: Path, *, say: Callable[[str], None]) -> MoveRecord | None:
    """Undo or finish the move that was interrupted.

    Return its record, None if there was none.

    Args:
        state: the state folder.
        say: called with what happened and what was done.

    Raises:
        CommandError: a move is being made now, or a server is needed that can't be used.
    """
    if read_record(state) is None:
        return None
    with only_mover(state):
        record = read_record(state)
        if record is None:
            return None
        say(record.describe())
        if record.phase is Phase.PROVEN:
            say(finish(state, record))
        else:
            undo(state, record)
            say("It is undone: the services may connect to the original again.")
        return record


def refuse_other_configuration(record: MoveRecord) -> None:
    """Check that DATABASE_URL names the database that a move left.

    Raises:
        CommandError: it does not.
    """
    if record.database_is_external is bool(os.environ.get("DATABASE_URL")):
        return
    raise CommandError(
        f"The database is the {'external' if record.database_is_external else 'embedded'} one.",
        f"Set DATABASE_URL={record.address}"
        if record.database_is_external
        else "Remove DATABASE_URL from the configuration.",
    )


def undo(state: Path, record: MoveRecord) -> None:
    """Let the services connect to the original again.

    An incomplete embedded copy is deleted.
    An incomplete copy on an external server stays, marked as one: the next move drops it.
    """
    if record.to is To.EXTERNAL:
        with _embedded_configuration():
            server = server_of(state, purpose=PURPOSE, say=lambda _: None)
            with server.running():
                apply_roles(server)
    else:
        # No original of that name was there before.
        with _stopped_server(state):
            if (copy := set_data_aside(state)) is not None:
                shutil.rmtree(copy)
        database = _name(record.address)
        close_database(inspect_server(os.environ, database).target, database)
    remove_record(state)


@contextmanager
def _embedded_configuration() -> Iterator[None]:
    """Have no DATABASE_URL for the block: it decides which roles there are."""
    url = os.environ.pop("DATABASE_URL", None)
    try:
        yield
    finally:
        if url is not None:
            os.environ["DATABASE_URL"] = url


def finish(state: Path, record: MoveRecord) -> str:
    """Close the original of a proven copy for good.

    Return what the operator does next.
    """
    if record.to is To.EXTERNAL:
        comment(inspect_server(os.environ, _name(record.address)).target, None)
        with _stopped_server(state):
            aside = set_data_aside(state) or _newest_aside(state)
        steps = _AFTER_EXTERNAL.format(address=record.address, aside=aside)
    else:
        _close_for_good(record)
        steps = _AFTER_EMBEDDED.format(database=_name(record.address))
    remove_record(state)
    return steps


def comment(dsn: str, text: str | None) -> None:
    """Set or remove the comment of a database."""
    with psycopg.connect(dsn) as administrator:
        command = sql.SQL("comment on database {} is {}")
        administrator.execute(
            command.format(sql.Identifier(administrator.info.dbname), sql.Literal(text))
        )


def _newest_aside(state: Path) -> Path | str:
    """Return where an interrupted call of `finish` put the original."""
    layout = saved_layout(state)
    found = replaced_folders(layout) if layout else []
    return found[-1] if found else "no folder"


@contextmanager
def _stopped_server(state: Path) -> Iterator[None]:
    """Keep the embedded server from being started for the block.

    Raises:
        CommandError: it runs.
    """
    lock = LockFile(control_folder(state) / "lock", PURPOSE)
    if not lock.acquire():
        raise CommandError("The embedded database runs.", "Stop it: systemctl stop theseller-db")
    try:
        if (layout := saved_layout(state)) is not None:
            # The server of a killed move may not have ended yet.
            clean_up_after_killed_run(layout.data, layout.run, lambda _sentence: None)
        yield
    finally:
        lock.release()


def _close_for_good(record: MoveRecord) -> None:
    # No session can close its own database.
    server = inspect_server(os.environ, _name(record.address))
    command = sql.SQL("alter database {} with allow_connections false").format(
        sql.Identifier(server.database)
    )
    with psycopg.connect(
        make_conninfo(server.dsn, dbname="template1"), autocommit=True
    ) as administrator:
        administrator.execute(command)


def _name(address: str) -> str:
    return urlsplit(address).path.strip("/")
