"""A crash in the middle of a copy leaves a file of no table, which delays a certificate.

It is removed once no process can still be writing it.
"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.integration.backups.test_restore import OPEN
from tests.integration.deployment import Deployment

from theseller.postgres.server_folders import saved_layout

pytestmark = pytest.mark.timeout(300)
_END = """
from uuid import UUID
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.lib import clock
from theseller.erasure.connection_erasure import erase_connection
tenant, connection = UUID(sys.argv[1]), UUID(sys.argv[2])
disconnect(
    connection=connection, reason=DisconnectReason.SELLER_REQUEST,
    tenant=tenant, actor="process:test", at=clock.now(),
)
done = erase_connection(connection=connection, tenant=tenant, at=clock.now())
print(done.completed, done.waiting)
"""


def _folder(deployed: Deployment) -> Path:
    layout = saved_layout(deployed.state)
    assert layout is not None
    return (
        layout.data
        / "base"
        / str(deployed.rows("select oid from pg_database where datname = current_database()")[0][0])
    )


def _files(deployed: Deployment) -> set[str]:
    known = {
        str(row[0])
        for row in deployed.rows(
            "select pg_relation_filenode(oid) from pg_class where relkind in ('r', 'i', 't', 'm',"
            " 'S')"
        )
    }
    there = {path.name for path in _folder(deployed).iterdir() if re.fullmatch(r"\d+", path.name)}
    assert known & there
    return known & there


def test_orphaned_table_file_delays_the_certificate_until_a_restart(
    deployed: Deployment,
) -> None:
    tenant, connection = deployed.people()[0]["tenant"], str(uuid4())
    deployed.ask(OPEN, tenant, connection, "files", "A1F83G8C2ARO7P", role="web")
    deployed.rows(
        "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
        " updated_at)"
        " values (%s, 'A1F83G8C2ARO7P', 'STRAY', %s, 'B0BRUSH001', 'Brush', now()) returning 1",
        tenant, connection,
    )  # fmt: skip
    stray = [
        _folder(deployed) / "999999",
        _folder(deployed) / "999999.1",
        _folder(deployed) / "999998_fsm",
    ]
    for path in stray:
        path.write_bytes(b"x" * 100 + UUID(connection).bytes)

    for _ in range(2):
        said = deployed.ask(_END, tenant, connection)
        assert said.startswith("False a crash of the database has left a file of no table"), said
    assert all(path.exists() for path in stray), "the server may still be about to know them"
    ((rewritten,),) = deployed.rows(
        "select rewritten from erasure_erasure where subject_id = %s", connection
    )
    assert "pg_catalog.pg_statistic" in rewritten, (
        "what was rewritten was not recorded, and would be rewritten for ever"
    )

    deployed.server.stop()
    deployed.server.ensure_started()
    younger = _folder(deployed) / "999997"
    younger.write_bytes(b"of a process that is still writing")
    before = _files(deployed)
    assert deployed.ask(_END, tenant, connection).startswith("True")
    assert not any(path.exists() for path in stray)
    assert younger.exists(), (
        "a file was removed that a transaction may still be about to make known"
    )
    left = _files(deployed)
    assert len(left) >= len(before) - 5, "files of relations went"
    younger.unlink()
    deployed.server.stop()
    deployed.server.ensure_started()
    assert deployed.rows("select count(*) from tenancy_tenant")[0][0] > 0
