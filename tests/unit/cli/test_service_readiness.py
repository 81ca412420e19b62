"""systemd gets one message when a service is ready, and none without its socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from theseller.cli.service_readiness import notify_ready
from theseller.lib.ids import new_id


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_readiness_is_reported_to_the_socket_of_systemd(tmp_path: Path, kind: str) -> None:
    abstract = kind == "abstract"
    address = f"@theseller-{new_id()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{address[1:]}" if abstract else address)
        manager.settimeout(30)
        assert notify_ready({"NOTIFY_SOCKET": address})
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_socket_nothing_is_reported(environ: dict[str, str]) -> None:
    assert not notify_ready(environ)
