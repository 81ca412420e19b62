"""A host is lost with its state folder and its database; a new one opens everything.

One deployment for the whole module: it is exported and backed up, erases a connection after that, and is
deleted. The steps are those of docs/operate/disaster-recovery.md.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.integration.backups.test_restore import DELETE, KEEP, OPEN
from tests.integration.deployment import Deployment

from theseller.audit.event_types import Tag
from theseller.postgres.binaries import find_binaries
from theseller.postgres.server import Server
from theseller.postgres.server_folders import saved_layout

pytestmark = pytest.mark.timeout(900)
_STORES = ("A1PA6795UKMFR9", "ATVPDKIKX0DER", "A1F83G8C2ARO7P")
#: Opens the tokens of connections, and prints which can be opened.
OPENED = """
from uuid import UUID
from theseller.connections import refresh_token_store
from theseller.tenancy.tenant_scope import tenant_scope
for pair in sys.argv[1:]:
    tenant, connection = map(UUID, pair.split("/"))
    with tenant_scope(tenant):
        print(refresh_token_store.open_token(tenant, connection).reveal())
"""
#: Verifies the certificate of an erasure, and has that of another made now verified.
CERTIFICATES = """
from uuid import UUID
from theseller.erasure.certificate_verification import verify_certificate
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.queries import connection_certificate
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope
for pair in sys.argv[1:]:
    tenant, connection = map(UUID, pair.split("/"))
    assert erase_connection(connection=connection, tenant=tenant, at=clock.now()).completed
    with tenant_scope(tenant, using="retention"):
        found = connection_certificate(connection, using="retention")
    assert verify_certificate(found[1]).body["connection_id"] == str(connection)
    print("valid")
"""


@dataclass
class Lost:
    """What is left of a deployment: an export, a folder of backups, and its operator's notes."""

    deployed: Deployment
    folder: Path
    key: Path
    export: Path
    kept: str
    before: str
    after: str

    def on_a_new_host(self) -> Deployment:
        state = self.folder / "new" / "state"
        state.parent.mkdir(mode=0o711)
        return replace(
            self.deployed,
            state=state,
            environ=self.deployed.environ | {"THESELLER_STATE": str(state)},
        )

    def bring(self, deployed: Deployment) -> str:
        done = deployed.theseller("state", "import", str(self.export), "--key", str(self.key))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lost(deployed: Deployment) -> Iterator[Lost]:
    """Export and back up a deployment, end a connection, delete the state folder."""
    folder = Path(tempfile.mkdtemp(prefix="ts-disaster-"))
    folder.chmod(0o711)
    deployed.environ["THESELLER_BACKUPS"] = str(folder / "backups")
    key, export = folder / "recovery-key", folder / "export"
    alice, charlie = (person["tenant"] for person in deployed.people())
    kept, before, after = ((alice, str(uuid4())), (charlie, str(uuid4())), (charlie, str(uuid4())))
    for pair, store in zip((kept, before, after), _STORES, strict=True):
        deployed.ask(OPEN, *pair, "lwa", store, role="web")
        _product(deployed, pair, store)
    made = deployed.theseller("state", "new-key", str(key))
    assert made.returncode == 0, made.stderr
    name, _, public = made.stdout.strip().split("\n")[-1].partition("=")
    deployed.environ[name] = public
    deployed.ask(DELETE, "/".join(before))
    for step in (("audit", "seal"), ("backup", "now"), ("state", "export", str(export))):
        done = deployed.theseller(*step)
        assert done.returncode == 0, done.stdout + done.stderr
    deployed.ask(DELETE, "/".join(after))
    assert deployed.theseller("audit", "seal").returncode == 0
    assert int(deployed.ask(KEEP)) > 0
    deployed.server.stop()
    _delete(deployed.state)
    pairs = ("/".join(pair) for pair in (kept, before, after))
    yield Lost(deployed, folder, key, export, *pairs)
    for state in folder.glob("*/state"):
        _delete(state)
    shutil.rmtree(folder, ignore_errors=True)


def _product(deployed: Deployment, pair: tuple[str, str], store: str) -> None:
    deployed.rows(
        "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
        " updated_at) values (%s, %s, 'ROW', %s, 'B0BRUSH001', 'Brush', now()) returning sku",
        pair[0],
        store,
        pair[1],
    )


def _delete(state: Path) -> None:
    layout = saved_layout(state)
    if layout is not None and not layout.home.is_relative_to(state):
        shutil.rmtree(layout.home, ignore_errors=True)
    shutil.rmtree(state)


@pytest.mark.exhaustive
def test_a_lost_host_is_replaced_and_everything_opens(lost: Lost) -> None:
    """The connection that ended after export and backup stays ended: the WAL says so."""
    new = lost.on_a_new_host()
    printed = lost.bring(new)
    assert "1. theseller restore" in printed
    ended = lost.after.split("/")[1]
    living = [one for one in new.keys.list() if not one.destroyed]
    assert any(one.owner == f"connection:{ended}" for one in living), "the export is too new"
    restored = new.theseller("restore")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "1 keys of connections that had ended were alive" in restored.stdout
    assert not [one for one in new.keys.list() if one.owner.endswith(ended) and not one.destroyed]
    password = new.secret("db-superuser")
    server = Server(
        new.state,
        binaries=find_binaries(new.environ),
        superuser_password=password,
        durable=False,
        archiving=True,
    )
    with server.running():
        _everything_opens(lost, replace(new, server=server))


def _everything_opens(lost: Lost, new: Deployment) -> None:
    assert new.ask(OPENED, lost.kept)
    counted = "select count(*) from ingest_product where connection_id = %s"
    rows = [
        new.rows(counted, pair.split("/")[1])[0][0] for pair in (lost.kept, lost.before, lost.after)
    ]
    assert rows == [1, 0, 0]
    assert new.ask(CERTIFICATES, lost.before, lost.after) == "valid\nvalid"
    # The copy outside the database is that of the export: shorter than the database knows it to be.
    verdict = new.theseller("audit", "verify")
    assert "audit accept-copy" in verdict.stdout, verdict.stdout
    reason = "the host was lost, its state came from an export"
    assert new.theseller("audit", "accept-copy", "--reason", reason).returncode == 0
    verdict = new.theseller("audit", "verify")
    assert verdict.returncode == 0, verdict.stdout
    assert new.theseller("audit", "seal").returncode == 0
    tags = {row[0] for row in new.rows("select tag from audit_event")}
    assert {Tag.STATE_EXPORTED, Tag.STATE_IMPORTED, Tag.DATABASE_RESTORED} <= tags
    assert new.theseller("backup", "now").returncode == 0
