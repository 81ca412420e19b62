"""Copy a database to another server.

By PostgreSQL's own dump, which is streamed into the target and never stored. It
holds definitions, rows, owners and rights; roles exist on the target before.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from theseller.postgres.binaries import Binaries
from theseller.postgres.client_program_execution import client_environment, last_line
from theseller.postgres.errors import PostgresError

_CHUNK_BYTES = 1024 * 1024
#: Since this version a session has this limit; pg_dump sets it whatever the target is.
_KNOWS_TRANSACTION_TIMEOUT = 170_000
_TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"
_DUMP = ("--format=plain", "--no-password", "--no-sync", "--encoding=UTF8")
_RESTORE = (
    *("--no-psqlrc", "--quiet", "--no-password", "--single-transaction", "--output=/dev/null"),
    # An error's text may quote a row.
    *("--set=ON_ERROR_STOP=1", "--set=VERBOSITY=sqlstate"),
)
_OF_TLS = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE",
}
_OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""

Connection = psycopg.Connection[tuple[Any, ...]]


class CopyFailedError(PostgresError):
    """The dump could not be taken or restored."""


def _environment(dsn: str) -> dict[str, str]:
    """Return the environment of a client program.

    With what TLS and ~/.pgpass need.
    """
    parameters = conninfo_to_dict(dsn)
    more = {
        variable: str(parameters[name])
        for name, variable in _OF_TLS.items()
        if parameters.get(name)
    }
    home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
    return {**client_environment(dsn), **more, **home}


def sessions_of_others(connection: Connection) -> int:
    """Return how many sessions of others the database of `connection` has."""
    row = connection.execute(_OTHERS).fetchone()
    return int(row[0]) if row else 0


def copy_database(binaries: Binaries, source: str, target: str) -> None:
    """Stream a whole database into the empty one of `target`.

    Both are connection strings of superusers. It is one transaction: if it fails, the target stays
    empty.

    Raises:
        CopyFailedError: a program failed; the message has its last line.
    """
    with psycopg.connect(target) as connection:
        version = connection.info.server_version
    with tempfile.TemporaryFile() as of_dump, tempfile.TemporaryFile() as of_restore:
        reader = subprocess.Popen(  # noqa: S603
            [str(binaries.program("pg_dump")), *_DUMP], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=of_dump, cwd="/", env=_environment(source),
        )  # fmt: skip
        writer = subprocess.Popen(  # noqa: S603
            [str(binaries.program("psql")), *_RESTORE], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=of_restore, cwd="/", env=_environment(target),
        )  # fmt: skip
        try:
            copied = _pass_on(reader, writer, version)
        finally:
            for child in (reader, writer):
                if child.poll() is None:
                    child.kill()
                child.wait()
        if not copied:
            of_dump.seek(0)
            of_restore.seek(0)
            words = last_line(of_restore.read() or of_dump.read())
            raise CopyFailedError(f"The copy failed: {words}", "The target's database is empty.")


def _pass_on(
    reader: subprocess.Popen[bytes], writer: subprocess.Popen[bytes], version: int
) -> bool:
    """Return whether all of the dump was restored.

    The end of its input makes psql commit: after a failed dump it must not see it.
    """
    source, target = reader.stdout, writer.stdin
    if source is None or target is None:
        return False
    with suppress(BrokenPipeError), source:
        first = True
        while piece := source.read(_CHUNK_BYTES):
            if first and version < _KNOWS_TRANSACTION_TIMEOUT:
                piece = piece.replace(_TRANSACTION_TIMEOUT, b"", 1)
            first = False
            target.write(piece)
        if reader.wait() == 0:
            target.close()
            return writer.wait() == 0
    return False
