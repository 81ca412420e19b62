"""Section 4: what lies on the disk, and what the disk is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from tests.sabotage.deployment import TOKEN, US
from tests.sabotage.machine import link, put
from tests.sabotage.saboteurs import Tools, breaks, scrub

from theseller.controls.probe_tools import disk_encryption
from theseller.controls.probe_tools.probe_context import live_context
from theseller.lib import clock


def _machine() -> Path:
    return disk_encryption.THIS_MACHINE.root


@breaks("net-at-rest", "writes a token's plain text behind the head of a sealed message")
def _half_sealed(tools: Tools) -> Iterator[None]:
    which = [tools.deployment.open]
    row = tools.superuser.execute(
        "select sealed from connections_refresh_token where connection_id = %s", which
    ).fetchone()
    assert row is not None
    head = bytes(row[0])[:97]  # type: ignore[call-overload]
    tools.superuser.execute(
        "update connections_refresh_token set sealed = %s where connection_id = %s",
        [head + TOKEN.encode(), *which],
    )
    yield
    tools.superuser.execute(
        "update connections_refresh_token set sealed = %s where connection_id = %s",
        [row[0], *which],
    )
    scrub(tools, "connections_refresh_token")


@breaks(
    "net-at-rest",
    "leaves a token in plain text in a page of the disk, in a row that is deleted already",
)
def _page(tools: Tools) -> Iterator[None]:
    tools.superuser.execute(
        "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
        " updated_at) values (%s, %s, 'SABOTAGE', %s, 'B0BRUSH001', %s, now())",
        [tools.deployment.cast.alices_shop, US, tools.deployment.open, TOKEN],
    )
    tools.superuser.execute("delete from ingest_product where sku = 'SABOTAGE'")
    tools.superuser.execute("checkpoint")
    yield
    scrub(tools, "ingest_product")


@breaks(
    "net-at-rest", "moves the keys into the database's own folder", also=("cred-token-encryption",)
)
def _inside(tools: Tools) -> Iterator[None]:
    del tools
    database = live_context(clock.now()).database_directory
    assert database is not None
    keys, inside = Path(settings.ENVIRONMENT.state) / "keys", database / "sabotage-keys"
    shutil.move(keys, inside)
    keys.symlink_to(inside)
    yield
    keys.unlink()
    shutil.move(inside, keys)


@breaks("net-at-rest", "puts everything on a disk that is not encrypted")
def _plain_disk(tools: Tools) -> Iterator[None]:
    del tools
    uuid = _machine() / "sys/devices/virtual/block/dm-0/dm/uuid"
    uuid.write_text("CRYPT-INTEGRITY-0123456789abcdef-disk")  # checksums only
    yield
    uuid.write_text("CRYPT-LUKS2-0123456789abcdef-disk")


@breaks("net-at-rest", "adds a disk that is not encrypted to the volume")
def _second_disk(tools: Tools) -> Iterator[None]:
    del tools
    disk = _machine() / "sys/devices/pci/sdb"
    put(disk / "device/model", "Example Rotating")
    added = _machine() / "sys/devices/virtual/block/dm-1/slaves/sdb"
    link(added, disk)
    yield
    added.unlink()
    shutil.rmtree(disk)


@breaks("net-at-rest", "swaps memory to a disk that is not encrypted")
def _swap(tools: Tools) -> Iterator[None]:
    del tools
    swaps = _machine() / "proc/swaps"
    none = swaps.read_text()
    put(_machine() / "dev/nvme0n1p1", "")
    swaps.write_text(none + "/dev/nvme0n1p1 partition 1048572 0 -2\n")
    yield
    swaps.write_text(none)


@breaks("net-at-rest", "keeps the keys alone on another volume, which is not encrypted")
def _keys_elsewhere(tools: Tools) -> Iterator[None]:
    del tools
    mounts = _machine() / "proc/self/mountinfo"
    before = mounts.read_text()
    folder = (Path(settings.ENVIRONMENT.state) / "keys").resolve()
    mounts.write_text(f"{before}31 27 259:1 / {folder} rw - ext4 /dev/nvme0n1p1 rw\n")
    yield
    mounts.write_text(before)
