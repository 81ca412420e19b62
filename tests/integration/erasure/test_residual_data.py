"""After a purge no byte of the tenant is left.

In the database's files, WAL, logs, files, or any backup that can still be read.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.deployment import Deployment, deployment
from tests.integration.erasure.data_flows import Driven, drive

from theseller.datamap.table_registry import descriptors as load_map
from theseller.datamap.types import Eraser
from theseller.erasure.certificate_verification import verify_certificate
from theseller.postgres.server_folders import saved_layout
from theseller.retention.retention_limits import BACKUP_DAYS

pytestmark = pytest.mark.timeout(1800)
_ACTS = "tests.integration.erasure.canaries"
END_SHOP = """
from uuid import UUID
from theseller.privacy.tenant_deletion.operations import delete_tenant
from theseller.lib import clock
delete_tenant(person=UUID(sys.argv[2]), tenant=UUID(sys.argv[1]), at=clock.now())
"""


@dataclass(frozen=True, slots=True)
class Shop:
    tenant: str
    person: str
    canary: str
    planted: dict[str, list[str]]
    refused: dict[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    files: int
    bytes: int
    backups: int
    hits: set[tuple[str, str, str]]

    def places(self, whose: str) -> set[str]:
        return {place for place, needle, _ in self.hits if needle == whose}


@pytest.fixture(scope="module")
def fresh() -> Iterator[Deployment]:
    """A deployment in which no other test leaves anything."""
    with deployment(archiving=True) as built:
        yield built


def _act(deployed: Deployment, *arguments: str) -> str:
    done = deployed.python(_ACTS, *arguments)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout.strip().splitlines()[-1]


def _planted(deployed: Deployment, number: int, canary: str) -> Shop:
    person = deployed.people()[number]
    answer: dict[str, Any] = json.loads(
        _act(deployed, "plant", person["tenant"], person["person"], canary)
    )
    return Shop(person["tenant"], person["person"], canary, answer["planted"], answer["refused"])


def _search(deployed: Deployment, shops: dict[str, Shop]) -> Found:
    needles = json.dumps({name: shop.canary for name, shop in shops.items()})
    answer = json.loads(_act(deployed, "search", needles))
    found = Found(
        answer["files"], answer["bytes"], answer["backups"], {tuple(hit) for hit in answer["hits"]}
    )
    sys.stdout.write(
        f"searched {found.bytes / 2**30:.3f} GiB in {found.files} files,"
        f" {found.backups} backups opened; alice {len(found.places('alice'))} places, charlie"
        f" {len(found.places('charlie'))}\n"
    )
    return found


def test_no_byte_of_a_purged_tenant_is_left_anywhere(fresh: Deployment, tmp_path: Path) -> None:
    needle = secrets.token_hex(16)
    _every_flow_was_driven(
        drive(fresh, fresh.people()[0]["tenant"], fresh.people()[0]["person"], needle, tmp_path)
    )
    alice, charlie = _planted(fresh, 0, needle), _planted(fresh, 1, secrets.token_hex(16))
    shops = {"alice": alice, "charlie": charlie}
    _planted_everywhere(alice)
    before = _act(fresh, "back-up")

    never = Shop("", "", secrets.token_hex(16), {}, {})
    kept = _search(fresh, {**shops, "never planted": never})
    assert kept.places("never planted") == set()
    assert any(place.startswith(f"backup {before}/") for place in kept.places("alice"))
    assert any(
        "/base/" in place and not place.startswith("backup") for place in kept.places("alice")
    )

    last = _all_is_certified(fresh, alice, before)
    _act(fresh, "end-shop", alice.tenant)
    after = _act(fresh, "back-up")

    purged = _search(fresh, shops)
    outside = {
        place for place in purged.places("alice") if not place.startswith(f"backup {before}/")
    }
    assert outside == set(), "bytes are left outside of the named backup"
    assert any(place.startswith(f"backup {after}/") for place in purged.places("charlie"))

    # the day on which the certificate says that the last one has ended
    days = (last - datetime.now(UTC)).days + 1  # noqa: TID251
    assert days <= BACKUP_DAYS
    # The backup from after the purge ends on that day, too; the next is younger.
    _act(fresh, "prune", str(days))
    younger = _act(fresh, "back-up")
    deleted = _search(fresh, shops)
    assert deleted.places("alice") == set(), "bytes of a purged tenant are left"
    assert any(
        "/base/" in place and not place.startswith("backup") for place in deleted.places("charlie")
    )
    assert any(place.startswith(f"backup {younger}/") for place in deleted.places("charlie"))
    assert deleted.bytes > 100_000_000, "too little was searched to prove anything"
    _what_is_planted_is_found(fresh, charlie)


def _every_flow_was_driven(driven: Driven) -> None:
    """Check that the canary took every way.

    It came in by command and browser, was shown, was exported, and was in what web and worker
    failed at.
    """
    assert driven.imported > 20
    assert driven.refused > 20
    assert {
        "ingest_order_line",
        "ingest_ledger_line",
        "ingest_product",
        "analytics_day_product",
    } <= driven.tables.keys()
    for path in ("/imports/", "/products/", "/data/export/", "/connections/attempts/"):
        assert driven.shown(path), f"no answer of {path} held it"
    assert any(status == 500 for _, status, _ in driven.answers)
    sys.stdout.write(
        f"came in by {driven.imported} files, {driven.refused} were refused; lay in"
        f" {driven.tables}\n"
    )


def _planted_everywhere(shop: Shop) -> None:
    """Check that every column that can hold the canary has it.

    Every column of text, documents or bytes, of every table whose rows are deleted; or a constraint
    forbids it.
    """
    without = {column for column, why in shop.refused.items() if not why}
    assert without == set(), f"these columns took no canary, and nothing says why: {without}"
    tables = {
        one.table
        for one in load_map()
        if one.eraser
        in {
            Eraser.DELETE_CONNECTION,
            Eraser.DELETE_TENANT,
            Eraser.REBUILD,
            Eraser.KEY,
        }
    }
    assert tables <= shop.planted.keys(), (
        f"no column of these was tried: {tables - shop.planted.keys()}"
    )
    assert sum(map(len, shop.planted.values())) > 50
    sys.stdout.write(
        f"planted in {sum(map(len, shop.planted.values()))} columns of {len(shop.planted)} tables;"
        f" {len(shop.refused)} can't\n"
    )


def _all_is_certified(deployed: Deployment, shop: Shop, backup: str) -> datetime:
    """Have the shop leave; return when the last backup that its certificates name ends."""
    last: set[str] = set()
    for issued in json.loads(_act(deployed, "leave", shop.tenant)):
        body: Any = verify_certificate(issued.encode()).body
        assert body["residue"]["not_searched"] == ""
        assert (
            body["residue"]["database"]["hits"]
            == body["residue"]["wal"]["from_before"]
            == body["residue"]["logs"]["hits"]
            == 0
        )
        assert body["residue"]["database"]["files"] > 20
        assert {one["backup"] for one in body["backups"]["affected"]} == {backup}
        last.add(body["backups"]["last_ends_by"])
    deployed.ask(END_SHOP, shop.tenant, shop.person, role="web")
    return max(map(datetime.fromisoformat, last))


def _what_is_planted_is_found(deployed: Deployment, shop: Shop) -> None:
    """The same search finds one canary in each kind of place: it would have found one before."""
    layout = saved_layout(deployed.state)
    assert layout is not None
    folders = {
        "log": deployed.state / "log" / "web.log",
        "worker's log": deployed.state / "log" / "worker.log",
        "database's log": deployed.state / "log" / "postgres.log",
        "temporary file": deployed.state / "tmp" / "tmpk3x",
        "ledger": deployed.state / "erasures" / "note.txt",
        "export": deployed.state / "exports" / "days.csv",
        "import": deployed.state / "imports" / "orders.txt",
        "relation": layout.data / "base" / "1" / "999999",
        "wal": layout.data / "pg_wal" / "archive_status" / "planted",
        "archive": layout.archive / "planted",
    }
    needle, files = secrets.token_hex(16), dict[Path, bytes | None]()
    for path in folders.values():
        path.parent.mkdir(exist_ok=True)
        files[path] = path.read_bytes() if path.exists() else None
        with path.open("ab") as file:
            file.write(os.urandom(100) + needle.encode())
    deployed.rows(
        "update tenancy_tenant set name = %s where id = %s returning 1", needle, shop.tenant
    )
    deployed.rows("update django_session set session_data = %s returning 1", needle)
    backup = _act(deployed, "back-up")
    found = _search(deployed, {"alice": replace(shop, canary=needle)}).places("alice")
    for name, path in folders.items():
        assert any(place.endswith(path.name) for place in found), name
        former = files[path]
        if former is None:
            path.unlink()
        else:
            path.write_bytes(former)
    assert any(place.startswith(f"backup {backup}/base/") for place in found)
    assert any("pg_wal/" in place or "/wal/" in place for place in found)
