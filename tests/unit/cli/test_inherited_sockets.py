"""A service manager's sockets are taken over, and what is no socket is refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from theseller.cli import inherited_sockets
from theseller.cli.errors import CommandError


def _environ(number: int, pid: int | None = None) -> dict[str, str]:
    return {
        "LISTEN_PID": str(pid or os.getpid()),
        "LISTEN_FDS": str(number),
        "LISTEN_FDNAMES": "theseller-web.socket",
        "THESELLER_PORT": "8100",
    }


def test_sockets_of_this_process_are_taken_and_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        monkeypatch.setattr(inherited_sockets, "FIRST", one.fileno())
        assert inherited_sockets.inherited_sockets(_environ(1)) == (one.fileno(),)
        assert os.get_inheritable(one.fileno())
        with socket.create_connection(one.getsockname()):
            pass


def test_sockets_of_another_process_are_left_alone() -> None:
    assert inherited_sockets.inherited_sockets(_environ(1, pid=1)) == ()
    assert inherited_sockets.inherited_sockets({}) == ()


def test_what_is_no_listening_socket_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as idle, (tmp_path / "file").open("wb") as file:
        for one in (idle.fileno(), file.fileno()):
            monkeypatch.setattr(inherited_sockets, "FIRST", one)
            with pytest.raises(CommandError, match="no listening socket"):
                inherited_sockets.inherited_sockets(_environ(1))


def test_the_next_program_does_not_get_the_variables() -> None:
    assert inherited_sockets.without_socket_activation(_environ(1)) == {"THESELLER_PORT": "8100"}


def test_a_further_socket_is_inheritable() -> None:
    descriptor = inherited_sockets.listen_on("127.0.0.1", 0)
    with socket.socket(fileno=descriptor) as one:
        assert os.get_inheritable(descriptor)
        with socket.create_connection(one.getsockname()):
            pass
