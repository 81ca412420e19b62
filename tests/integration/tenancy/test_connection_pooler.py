"""A connection pooler between a process and the database is refused."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo
from tests.database import role_dsn, test_server

from theseller.cli import doctor_deployment
from theseller.cli.commands.migrate import _try_own_address
from theseller.cli.django_setup import try_connection
from theseller.cli.errors import CommandError
from theseller.cli.external_postgres_inspection import inspect_server
from theseller.tenancy.database_startup_checks import (
    ConnectionPoolerError,
    refuse_pooled_session,
    refuse_pooler,
)

_HEADER, _KEY, _READY = 5, b"K", b"Z"


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _exactly(source: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length and (piece := source.recv(length - len(found))):
        found += piece
    return found


def _greet(server: socket.socket, client: socket.socket) -> None:
    """Pass the server's messages on, with another process id, until it is ready."""
    while head := _exactly(server, _HEADER):
        body = _exactly(server, int.from_bytes(head[1:]) - 4)
        if head[:1] == _KEY:
            body = (int.from_bytes(body[:4]) ^ 1).to_bytes(4) + body[4:]
        client.sendall(head + body)
        if head[:1] == _READY:
            break
    _forward(server, client)


def _serve(listener: socket.socket, address: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client = listener.accept()[0]
            with client, socket.socket(socket.AF_UNIX) as server:
                server.connect(address)
                there = threading.Thread(target=_forward, args=(client, server), daemon=True)
                there.start()
                _greet(server, client)
                there.join()


@pytest.fixture(scope="module")
def pooler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Answer as PgBouncer does, whose own process ids are no server's; one connection at a time."""
    folder = tmp_path_factory.mktemp("p")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        address = f"{test_server().socket_dir}/.s.PGSQL.5432"
        serving = threading.Thread(target=_serve, args=(listener, address), daemon=True)
        serving.start()
        yield folder
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        serving.join()


def test_direct_connection_is_accepted(database: str) -> None:
    refuse_pooler()
    with psycopg.connect(role_dsn("web", database)) as connection:
        refuse_pooled_session(connection)


def test_connection_through_a_pooler_is_refused(database: str, pooler: Path) -> None:
    behind = make_conninfo(role_dsn("web", database), host=str(pooler))
    with (
        psycopg.connect(behind) as connection,
        pytest.raises(ConnectionPoolerError, match="name the server's own address"),
    ):
        refuse_pooled_session(connection)


def test_migrate_refuses_a_pooler(database: str, pooler: Path) -> None:
    admin = make_conninfo(test_server().superuser_dsn(database), host=str(pooler))
    environ = {"THESELLER_ADMIN_URL": admin}
    with pytest.raises(CommandError, match="A connection pooler answers"):
        inspect_server(environ, database)


@pytest.fixture
def configured(database: str, pooler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the settings name the pooler, while the administrator has the server's own address."""
    behind = {**connections["default"].get_connection_params(), "host": str(pooler)}
    del database
    monkeypatch.setattr(connections["default"], "get_connection_params", lambda: behind)


@pytest.mark.usefixtures("configured")
def test_commands_and_services_refuse_a_pooler_before_they_start() -> None:
    """`setup_django` of each command, `serve` and `worker` among them, tries one connection."""
    with pytest.raises(ConnectionPoolerError, match="name the server's own address"):
        try_connection()


@pytest.mark.usefixtures("configured")
def test_migrate_refuses_a_pooler_at_the_address_of_the_services() -> None:
    with pytest.raises(CommandError, match="answers at the address of DATABASE_URL") as refused:
        _try_own_address()
    assert "own address in DATABASE_URL" in refused.value.advice


@pytest.mark.usefixtures("configured")
def test_doctor_says_what_to_correct(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_deployment, "setup_django", lambda *_role, **_options: None)
    [finding] = doctor_deployment._database(tmp_path)
    assert (finding.failed, "connection pooler" in finding.found) == (True, True)
    assert "correct DATABASE_URL" in finding.advice
