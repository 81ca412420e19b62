"""What the tests here run in processes of their own, because they get killed or change their user."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import psycopg

from theseller.postgres.binaries import find_binaries
from theseller.postgres.server import Server
from theseller.postgres.server_folders import FALLBACK_ROOT

PASSWORD = "crash-test"


def server(state: Path, *, fallback_root: Path | None = None) -> Server:
    return Server(
        state,
        binaries=find_binaries(os.environ),
        superuser_password=PASSWORD,
        purpose="a test",
        fallback_root=fallback_root or FALLBACK_ROOT,
    )


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def start_and_sleep(state: Path) -> None:
    """Be a supervisor that will be killed."""
    one = server(state)
    one.ensure_started()
    say(one.pid)
    time.sleep(600)


def round_trip(state: Path) -> None:
    """Make, use, stop and start a server as the current user."""
    one = server(state)
    for _ in range(2):
        one.ensure_started()
        with psycopg.connect(one.superuser_dsn()) as connection:
            connection.execute("create table if not exists kept (id int)")
        one.stop()
    say(one.socket_dir)


def connect(folder: Path) -> None:
    """Try to reach a socket; say `connected`, or which error."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(folder / ".s.PGSQL.5432"))
        except OSError as error:
            say(type(error).__name__)
            return
    say("connected")


if __name__ == "__main__":
    {"start_and_sleep": start_and_sleep, "round_trip": round_trip, "connect": connect}[sys.argv[1]](
        Path(sys.argv[2])
    )
