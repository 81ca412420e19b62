"""After a purge no byte of the tenant is left: in the database's files, WAL, logs, files, or any backup that somebody can still read."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.governance.deployment import Deployment, deployment

from theseller.postgres.layout import saved_layout
from theseller.retention.certificate import verify_certificate
from theseller.retention.limits import BACKUP_DAYS

pytestmark = pytest.mark.timeout(600)
_ACTS = "tests.integration.retention.canaries"


@dataclass(frozen=True, slots=True)
class Shop:
    tenant: str
    person: str
    canary: str
    connection: str
    planted: dict[str, list[str]]


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


def _planted(deployed: Deployment, number: int) -> Shop:
    person, canary = deployed.people()[number], secrets.token_hex(16)
    answer: dict[str, Any] = json.loads(_act(deployed, "plant", person["tenant"], person["person"], canary))
    return Shop(person["tenant"], person["person"], canary, answer["connection"], answer["planted"])


def _search(deployed: Deployment, shops: dict[str, Shop], days: int) -> Found:
    answer = json.loads(_act(deployed, "search", json.dumps({name: shop.canary for name, shop in shops.items()}), str(days)))
    found = Found(answer["files"], answer["bytes"], answer["backups"], {tuple(hit) for hit in answer["hits"]})
    sys.stdout.write(
        f"day {days}: searched {found.bytes / 2**30:.3f} GiB in {found.files} files, {found.backups} backups opened;"
        f" alice {len(found.places('alice'))} places, charlie {len(found.places('charlie'))}\n"
    )
    return found


def test_no_byte_of_a_purged_tenant_is_left_anywhere(fresh: Deployment) -> None:
    alice, charlie = _planted(fresh, 0), _planted(fresh, 1)
    shops = {"alice": alice, "charlie": charlie}
    before = _act(fresh, "back-up")
    _planted_everywhere(fresh, alice)

    kept = _search(fresh, shops, 0)
    assert any(place.startswith(f"backup {before}/") for place in kept.places("alice"))
    assert any("/base/" in place and not place.startswith("backup") for place in kept.places("alice"))

    issued = _act(fresh, "end", alice.tenant, alice.connection)
    body: Any = verify_certificate(issued.encode() + b"\n").body
    assert body["residue"]["not_searched"] == ""
    assert body["residue"]["database"]["hits"] == body["residue"]["wal"]["from_before"] == 0
    assert body["residue"]["database"]["files"] > 20
    after = _act(fresh, "back-up")

    purged = _search(fresh, shops, 0)
    named = {one["backup"] for one in body["backups"]["affected"]}
    assert named == {before}
    assert {place.split("/")[0] for place in purged.places("alice")} == {f"backup {before}"}, "bytes are left outside of the named backups"
    assert any(place.startswith(f"backup {after}/") for place in purged.places("charlie"))

    last = datetime.fromisoformat(body["backups"]["last_ends_by"])
    days = (last - datetime.now(UTC)).days + 1  # noqa: TID251  the day on which the certificate says that the last one has ended
    assert days <= BACKUP_DAYS
    _act(fresh, "search", "{}", str(days))  # The backup from after the purge ends on that day, too; the next is younger.
    younger = _act(fresh, "back-up")
    gone = _search(fresh, shops, 0)
    assert gone.places("alice") == set(), "bytes of a purged tenant are left"
    assert any("/base/" in place and not place.startswith("backup") for place in gone.places("charlie"))
    assert any(place.startswith(f"backup {younger}/") for place in gone.places("charlie"))
    assert gone.bytes > 100_000_000, "too little was searched to prove anything"
    _what_is_planted_is_found(fresh, alice)


def _planted_everywhere(deployed: Deployment, shop: Shop) -> None:
    """Every erasable table holds the canary, or has no column that could."""
    without = {table for table, columns in shop.planted.items() if not columns}
    assert without == set(), f"no column of these took the canary: {without}"
    assert sum(len(columns) for columns in shop.planted.values()) > 30
    assert deployed.rows("select count(*) from ingest_product where tenant_id = %s", shop.tenant)[0][0] > 100


def _what_is_planted_is_found(deployed: Deployment, shop: Shop) -> None:
    """The same search finds one canary in each kind of place: it would have found one before."""
    layout = saved_layout(deployed.state)
    assert layout is not None
    folders = {
        "log": deployed.state / "log" / "web.log",
        "export": deployed.state / "exports" / "days.csv",
        "import": deployed.state / "imports" / "orders.txt",
        "relation": layout.data / "base" / "1" / "999999",
        "wal": layout.data / "pg_wal" / "archive_status" / "planted",
        "archive": layout.archive / "planted",
    }
    for path in folders.values():
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(os.urandom(100) + shop.canary.encode())
    deployed.rows("update tenancy_tenant set name = %s where id = %s returning 1", shop.canary, shop.tenant)
    backup = _act(deployed, "back-up")
    found = _search(deployed, {"alice": shop}, 0).places("alice")
    for name, path in folders.items():
        assert any(place.endswith(path.name) for place in found), name
        path.unlink()
    assert any(place.startswith(f"backup {backup}/base/") for place in found)
    assert any("pg_wal/" in place or "/wal/" in place for place in found)


def test_the_search_needs_no_luck(fresh: Deployment) -> None:
    """Nothing of a canary that was never planted is found."""
    never = Shop("", "", secrets.token_hex(16), "", {})
    assert _search(fresh, {"alice": never}, 0).hits == set()
