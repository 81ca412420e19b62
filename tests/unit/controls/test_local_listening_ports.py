"""Ports that the kernel's tables show as listening for others."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from theseller.controls.prober_reports import operations
from theseller.controls.prober_reports.local_listening_ports import listening_ports


def _line(address: str, port: int, state: str = "0A") -> str:
    """Return a line as /proc/net/tcp has it: words of 32 bits in the machine's byte order."""
    packed = ip_address(address).packed
    words = [
        f"{int.from_bytes(packed[at : at + 4], sys.byteorder):08X}"
        for at in range(0, len(packed), 4)
    ]
    return f"   0: {''.join(words)}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000"


def test_ports_of_other_addresses_than_loopback_are_listed(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(
        "\n".join(
            (
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
                _line("192.0.2.2", 443),
                _line("192.0.2.1", 5432),
                _line("127.0.0.1", 8100),
                _line("192.0.2.1", 40000, state="01"),
                _line("::", 80),
                _line("2001:db8::1", 6432),
                _line("::1", 8101),
                _line("::ffff:127.0.0.1", 8102),
            )
        )
        + "\n"
    )
    assert listening_ports((table, tmp_path / "missing")) == frozenset({80, 443, 5432, 6432})
    assert listening_ports((tmp_path / "missing",)) is None


@pytest.mark.parametrize(("number", "listed"), [(200, True), (201, False)])
def test_a_plan_lists_all_ports_or_says_that_it_can_not(
    monkeypatch: pytest.MonkeyPatch, number: int, *, listed: bool
) -> None:
    ports = frozenset(range(1, number + 1))
    monkeypatch.setattr(operations, "listening_ports", lambda: ports)
    assert operations._ports_to_try() == (sorted(ports) if listed else None)


@pytest.mark.skipif(sys.platform != "linux", reason="the tables are Linux's")
def test_port_of_this_machine_is_listed_if_it_is_open_to_others() -> None:
    with socket.create_server(("", 0)) as public, socket.create_server(("127.0.0.1", 0)) as own:
        found = listening_ports()
        assert found is not None
        assert public.getsockname()[1] in found
        assert own.getsockname()[1] not in found
