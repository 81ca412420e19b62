"""The SQL fuzzer finds nothing, and finds what it must: a weakened policy and a row that everyone may read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.cast import NOON, Cast, assemble
from tests.database import role_dsn, test_server
from tests.fuzz_sql import Connection, Found, World, attack, look
from tests.integration.tenancy.shops import fill
from tests.sabotage.databases import own_database
from tests.seeds import seed_every_table

from theseller.crypto.mac import tenant_ticket
from theseller.lib.secret import Secret
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.scope import read_session

KEY = Secret("one-key-for-all-databases-of-this-test-session")
#: A row count that nothing else has.
COUNT = 1237
SEED = int(os.environ.get("THESELLER_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[tuple[str, World]]:
    """A database of its own: the attacked shop has a row in every table, and in every partition other shops have rows too."""
    with own_database("fuzz") as database:
        cast: Cast = assemble()
        with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
            for shop, person, count in ((cast.alices_shop, cast.alice.id, COUNT), (cast.charlies_shop, cast.charlie.id, 11)):
                seed_every_table(superuser, shop, person)
                fill(superuser, shop, count, "CANARY" if shop == cast.alices_shop else "OWN")
            for _ in range(16):
                other = create_tenant(name="Another shop", actor="process:test", at=NOON)
                fill(superuser, other, 150, "OTHER")
            superuser.execute("analyze")
            yield database, look(superuser, own=cast.charlies_shop, victim=cast.alices_shop, count=COUNT)


def _ticket(world: World) -> Callable[[Connection], str]:
    def sign(connection: Connection) -> str:
        until = datetime.now(UTC) + timedelta(minutes=2)  # noqa: TID251  # the machine's own
        return tenant_ticket(KEY, world.own, read_session(connection), until)

    return sign


def _run(database: str, world: World, role: str, *, most: int, seconds: float | None = None, seed: int = SEED, stop_at: int = 20) -> Found:
    return attack(
        lambda: psycopg.connect(role_dsn(role, database)), _ticket(world), world, seed=seed, most=most, seconds=seconds, stop_at=stop_at
    )


@pytest.mark.parametrize("role", ["web", "worker", "retention", "pii"])
def test_random_statements_reach_nothing_of_another_shop(role: str, fuzzed: tuple[str, World]) -> None:
    found = _run(*fuzzed, role, most=800, seconds=4)
    assert found.hits == []
    assert found.statements > 20, "the fuzzer did not get to work"


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("role", ["web", "worker", "retention", "pii"])
def test_a_hundred_thousand_statements_reach_nothing(role: str, fuzzed: tuple[str, World]) -> None:
    database, world = fuzzed
    for part in range(25):
        found = _run(database, world, role, most=1000, seed=SEED * 1000 + part)
        assert found.hits == [], f"seed {SEED * 1000 + part}"


@contextmanager
def _weakened(database: str, broken: str, repaired: str) -> Iterator[None]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(broken.encode())
        try:
            yield
        finally:
            superuser.execute(repaired.encode())


_PLAIN = "alter policy tenant on {} using (tenant_id = (select guard.ticket_tenant()))"
_AGAIN = "select guard.protect('ingest_product'), guard.protect('ingest_order_line')"


@pytest.mark.parametrize(
    "broken",
    [
        ";".join(f"drop policy ticket on {table};" + _PLAIN.format(table) for table in ("ingest_product", "ingest_order_line")),
        ";".join(_PLAIN.format(table) for table in ("ingest_product", "ingest_order_line")),
    ],
    ids=["rows, by one plain policy", "counts, by a plain policy beside the check of each row"],
)
def test_the_fuzzer_finds_a_planted_leak(broken: str, fuzzed: tuple[str, World]) -> None:
    database, world = fuzzed
    found = Found()
    with _weakened(database, broken, _AGAIN):
        for seed in range(SEED, SEED + 10):
            if (found := _run(database, world, "web", most=1500, seed=seed, stop_at=1)).hits:
                break
    assert found.hits, (found.statements, found.kinds, found.refused)
