"""Run PostgreSQL's client programs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import psycopg.conninfo

from theseller.postgres import initdb_and_settings
from theseller.postgres.binaries import Binaries
from theseller.postgres.errors import DamagedBackupError

_LIBPQ_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


def run_program(binaries: Binaries, name: str, arguments: list[str], conninfo: str) -> str:
    """Run a client program of PostgreSQL and return its output.

    Raises:
        DamagedBackupError: it failed; the message has its last line.
    """
    answer = subprocess.run(  # noqa: S603
        [str(binaries.program(name)), *arguments],
        capture_output=True,
        cwd="/",
        env=client_environment(conninfo),
        check=False,
    )
    if answer.returncode != 0:
        raise DamagedBackupError(
            f"{name} found a fault: {last_line(answer.stderr or answer.stdout)}"
        )
    return answer.stdout.decode(errors="replace")


def client_environment(conninfo: str) -> Mapping[str, str]:
    """Return the environment of a client program."""
    parameters = psycopg.conninfo.conninfo_to_dict(conninfo)
    known = {
        variable: str(parameters[name])
        for name, variable in _LIBPQ_VARIABLES.items()
        if parameters.get(name)
    }
    return {**initdb_and_settings.environment(), **known}


def last_line(words: bytes) -> str:
    """Return the last line that a program wrote, shortened."""
    lines = words.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it did not say why"
