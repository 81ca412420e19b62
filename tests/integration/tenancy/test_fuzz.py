"""The SQL fuzzer finds nothing as any role, and finds planted leaks.

A weakened policy, a late comparison of the ticket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from tests.cast import NOON, Cast, create_cast
from tests.database import role_dsn, test_server
from tests.integration.tenancy.shops import fill
from tests.sabotage.databases import own_database
from tests.sql_fuzzer import (
    Connection,
    FuzzResult,
    FuzzTarget,
    attack,
    read_target,
    without_readable,
)
from tests.sql_pair_fuzzer import attack_pairs, columns_of
from tests.tenant_rows import seed_every_table

from theseller.crypto.hmac_and_tenant_ticket import DatabaseSession, tenant_ticket
from theseller.lib.secret_type import Secret
from theseller.tenancy.operations import create_tenant

KEY = Secret("one-key-for-all-databases-of-this-test-session")
#: A row count that nothing else has.
COUNT = 1237
SEED = int(os.environ.get("THESELLER_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[tuple[str, FuzzTarget]]:
    """Give a database of its own, where the attacked shop has a row in every table.

    In every partition other shops have rows too.
    """
    with own_database("fuzz") as database:
        cast: Cast = create_cast()
        with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
            for shop, person, count in (
                (cast.alices_shop, cast.alice.id, COUNT),
                (cast.charlies_shop, cast.charlie.id, 11),
            ):
                seed_every_table(superuser, shop, person)
                fill(superuser, shop, count, "CANARY" if shop == cast.alices_shop else "OWN")
            for _ in range(16):
                other = create_tenant(name="Another shop", actor="process:test", at=NOON)
                fill(superuser, other, 150, "OTHER")
            # Values of kinds that conditions without cost test: an integer, a truth, an amount that
            # is null elsewhere.
            superuser.execute(
                "update ingest_order_line set quantity = 4711, is_business = true, currency ="
                " 'EUR', item_price = 47.11 where tenant_id = %s and sku in ('S-1200', 'S-900',"
                " 'S-1')",
                [cast.alices_shop],
            )
            superuser.execute("analyze")
            yield (
                database,
                read_target(
                    superuser, own=cast.charlies_shop, victim=cast.alices_shop, count=COUNT
                ),
            )


#: Every role that signs in and serves.
ROLES = ("web", "worker", "retention", "pii", "auth", "operator", "probe", "backup")
#: So many are tried of each role in each run.
STATEMENTS = 200
#: Row security does not bind the probe, by design: it has no pairs, and may see what its columns
#: hold.
UNBOUND = "probe"


def _sign(connection: Connection, tenant: UUID) -> str:
    """Sign a ticket for a session, whose start a superuser reads.

    Some roles may not ask when their own session began.
    """
    until = datetime.now(UTC) + timedelta(minutes=2)  # the machine's own  # noqa: TID251
    with psycopg.connect(test_server().superuser_dsn()) as superuser:
        pid = connection.info.backend_pid
        row = superuser.execute(
            "select (extract(epoch from backend_start) * 1000000)::bigint from pg_stat_activity"
            " where pid = %s",
            [pid],
        ).fetchone()
    assert row is not None
    return tenant_ticket(KEY, tenant, DatabaseSession(pid=pid, started=int(str(row[0]))), until)


def _run(
    fuzzed: tuple[str, FuzzTarget],
    role: str,
    *,
    most: int,
    seed: int = SEED,
    stop_at: int = 20,
) -> FuzzResult:
    database, world = fuzzed
    if role == UNBOUND:
        with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
            world = without_readable(superuser, world, role)
    return attack(
        lambda: psycopg.connect(role_dsn(role, database)),
        lambda connection: _sign(connection, world.own), world, seed=seed, most=most,
        stop_at=stop_at,
    )  # fmt: skip


def _run_pairs(
    fuzzed: tuple[str, FuzzTarget],
    role: str,
    *,
    most: int,
    seed: int = SEED,
    stop_at: int = 20,
) -> FuzzResult:
    database, world = fuzzed
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        columns = columns_of(superuser, world, role)
    return attack_pairs(
        lambda: psycopg.connect(role_dsn(role, database)),
        _sign,
        world,
        columns,
        seed=seed,
        most=most,
        stop_at=stop_at,
    )


@pytest.mark.parametrize("role", ROLES)
def test_random_statements_reach_nothing_of_another_shop(
    role: str, fuzzed: tuple[str, FuzzTarget]
) -> None:
    found = _run(fuzzed, role, most=STATEMENTS)
    assert not found.hits, found.report()
    assert found.statements >= STATEMENTS


@pytest.mark.parametrize("role", [role for role in ROLES if role != UNBOUND])
def test_results_do_not_depend_on_values_of_another_shop(
    role: str, fuzzed: tuple[str, FuzzTarget]
) -> None:
    found = _run_pairs(fuzzed, role, most=STATEMENTS)
    assert not found.hits, found.report()
    assert found.statements >= STATEMENTS or role == "backup", (
        "no column of this role has a value of the attacked shop alone"
    )


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("role", ROLES)
def test_a_hundred_thousand_statements_reach_nothing(
    role: str, fuzzed: tuple[str, FuzzTarget]
) -> None:
    for part in range(13):
        found = _run(fuzzed, role, most=600, seed=SEED * 1000 + part)
        assert not found.hits, f"seed {SEED * 1000 + part}: {found.report()}"
        if role != UNBOUND:
            found = _run_pairs(fuzzed, role, most=500, seed=SEED * 1000 + part)
            assert not found.hits, f"pairs of seed {SEED * 1000 + part}: {found.report()}"


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
        ";".join(
            f"drop policy ticket on {table};" + _PLAIN.format(table)
            for table in ("ingest_product", "ingest_order_line")
        ),
        ";".join(_PLAIN.format(table) for table in ("ingest_product", "ingest_order_line")),
    ],
    ids=["rows, by one plain policy", "counts, by a plain policy beside the check of each row"],
)
def test_fuzzer_detects_a_planted_leak(broken: str, fuzzed: tuple[str, FuzzTarget]) -> None:
    found = FuzzResult()
    with _weakened(fuzzed[0], broken, _AGAIN):
        for seed in range(SEED, SEED + 10):
            if (found := _run(fuzzed, "web", most=1500, seed=seed, stop_at=1)).hits:
                break
    assert found.hits, (found.statements, found.kinds, found.refused)


_COST = "update pg_proc set procost = {} where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure"


def test_fuzzer_detects_a_tenant_condition_evaluated_too_late(
    fuzzed: tuple[str, FuzzTarget],
) -> None:
    found = FuzzResult()
    with _weakened(fuzzed[0], _COST.format(1), _COST.format(0)):
        for seed in range(SEED, SEED + 10):
            if (found := _run_pairs(fuzzed, "web", most=2000, seed=seed, stop_at=1)).hits:
                break
    assert found.hits, (found.statements, found.kinds, found.refused)
