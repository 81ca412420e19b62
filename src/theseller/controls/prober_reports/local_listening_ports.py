"""The TCP ports at which this machine listens for others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"


def listening_ports(tables: tuple[Path, ...] = _TABLES) -> frozenset[int] | None:
    """Return the ports that listen on an address that is not loopback.

    None where the kernel shows no such table: on other systems than Linux.
    """
    shown = [table for table in tables if table.exists()]
    if not shown:
        return None
    return frozenset(port for table in shown for port in _listening(table))


def _listening(table: Path) -> Iterator[int]:
    for line in table.read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address, _, port = local.partition(":")
        if state == _LISTEN and not _is_loopback(address):
            yield int(port, 16)


def _is_loopback(text: str) -> bool:
    """Return whether an address of the kernel's table is loopback.

    It is written in words of 32 bits in the machine's byte order.
    """
    raw = b"".join(
        int(text[place : place + 8], 16).to_bytes(4, sys.byteorder)
        for place in range(0, len(text), 8)
    )
    if len(raw) == 4:
        return IPv4Address(raw).is_loopback
    address = IPv6Address(raw)
    return address.is_loopback or (
        address.ipv4_mapped is not None and address.ipv4_mapped.is_loopback
    )
