"""PostgreSQL's own disk is full, during ingest, an erasure and a backup.

Nothing is lost or half done, and it continues with space.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.integration.deployment import Deployment, deployment

from theseller.lib.database_failures import classify
from theseller.postgres.server_folders import saved_layout

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1200)]
#: The cluster with its WAL is 70 MB.
_SIZE = "260m"
_INGEST = """
import sys
from uuid import UUID
from django.db import connections
from theseller.lib.database_failures import classify
from theseller.tenancy.tenant_scope import tenant_scope
tenant, connection = UUID(sys.argv[1]), UUID(sys.argv[2])
try:
    with tenant_scope(tenant), connections["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin,"
            " title, updated_at) select %s, 'ATVPDKIKX0DER', gen_random_uuid()::text, %s, 'B0',"
            " repeat(md5(n::text), 20), now() from generate_series(1, 6000) n",
            [tenant, connection])
    print("stored")
except Exception as error:
    print(getattr(classify(error), "reason", type(error).__name__))
"""
_ERASE = """
import sys
from uuid import UUID
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.lib import clock
from theseller.lib.database_failures import classify
from theseller.erasure.connection_erasure import erase_connection
tenant, connection = UUID(sys.argv[1]), UUID(sys.argv[2])
def tried(act):
    try:
        return act()
    except Exception as error:
        return getattr(classify(error), "reason", type(error).__name__)
tried(lambda: disconnect(
    connection=connection, reason=DisconnectReason.SELLER_REQUEST,
    tenant=tenant, actor="process:test", at=clock.now(),
))
outcome = tried(lambda: erase_connection(connection=connection, tenant=tenant, at=clock.now()))
print(outcome if isinstance(outcome, str) else "certified" if outcome.completed else "waits")
"""


@contextlib.contextmanager
def _on_a_small_disk(deployed: Deployment) -> Iterator[Path]:
    """Move the server's data to a file system of its own size; give its folder."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.fail(
            "this test mounts a file system: run it as root, on Linux, where mount(8) may be used"
        )
    layout = saved_layout(deployed.state)
    assert layout is not None
    deployed.server.stop()
    data, moved = layout.data, layout.data.with_name("data.moved")
    owner = data.stat()
    data.rename(moved)
    data.mkdir(mode=0o700)
    options = f"size={_SIZE},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(
            f"a small file system can't be mounted here ({done.stderr.strip()}): the test needs"
            " CAP_SYS_ADMIN"
        )
    try:
        subprocess.run(["cp", "-a", f"{moved}/.", str(data)], check=True)
        # As in production: a demo and tests may lose the last commits of a server that stops.
        deployed.server._extra = {**deployed.server._extra, "synchronous_commit": "on"}
        deployed.server.ensure_started()
        yield data
    finally:
        deployed.server.stop()
        subprocess.run(["umount", "-l", str(data)], check=True)


def _fill(path: Path, *, leave: int) -> None:
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while (free := os.statvfs(path).f_bavail * os.statvfs(path).f_frsize - leave) > 0:
            file.write(b"\0" * min(1 << 20, free))


def _answers(deployed: Deployment) -> bool:
    with contextlib.suppress(psycopg.Error):
        return bool(deployed.rows("select 1"))
    return False


@pytest.mark.parametrize("leave", [0, 12 << 20], ids=["no-table-can-grow", "no-new-wal"])
def test_full_database_disk_loses_no_row_and_leaves_no_partial_write(leave: int) -> None:
    with deployment(archiving=True) as deployed, _on_a_small_disk(deployed) as data:
        person = deployed.people()[0]
        ids = (person["tenant"], person["connection"])
        stored, result = 0, ""
        assert deployed.ask(_INGEST, *ids) == "stored"
        _fill(data / "filler", leave=leave)
        for _ in range(8):
            result = deployed.ask(_INGEST, *ids)
            stored += result == "stored"
        # Without a new file of WAL the server stops, for it may not go on; then no connection can
        # be had.
        assert result in ({"disk_full", "no_connection"} if leave else {"disk_full"})
        deployed.ask(_ERASE, *ids)
        backup = deployed.theseller("backup", "now")
        assert backup.returncode == 1
        assert "failed unexpectedly" not in backup.stderr
        if leave:
            _force_wal_panic(deployed)
        alive = [
            one
            for one in deployed.keys.list()
            if one.owner == f"connection:{ids[1]}" and not one.destroyed
        ]

        (data / "filler").unlink()
        deployed.server.ensure_started()
        deadline = time.monotonic() + 120
        while not _answers(deployed):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        ((ended,),) = deployed.rows(
            "select count(*) from connections_disconnection where connection_id = %s", ids[1]
        )
        assert bool(ended) is not bool(alive), "the record and the end of the key are one"
        if not ended:  # What was reported as stored is there, whole.
            assert deployed.rows(
                "select count(*) from ingest_product where connection_id = %s", ids[1]
            ) == [(6000 * (stored + 1),)]
        result = deployed.ask(_ERASE, *ids)
        assert result == "certified"
        assert deployed.rows(
            "select count(*) from ingest_product where connection_id = %s", ids[1]
        ) == [(0,)]
        again = deployed.theseller("backup", "now")
        assert again.returncode == 0, again.stdout + again.stderr
        assert deployed.theseller("audit", "verify").returncode == 0


def _force_wal_panic(deployed: Deployment) -> None:
    """Have the server need a new file of WAL: it stops, for it may not go on without one."""
    with contextlib.suppress(psycopg.Error):
        deployed.rows("checkpoint")
        deployed.rows("select pg_switch_wal()")
        deployed.rows("select txid_current(), pg_switch_wal()")
    try:
        deployed.rows("select 1")
    except psycopg.Error as error:
        failure = classify(error)
        assert failure is not None
        assert failure.reason in {
            "socket_missing",
            "refused",
            "restarting",
            "disk_full",
            "connection_lost",
        }
