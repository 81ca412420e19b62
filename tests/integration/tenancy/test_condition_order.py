"""No condition of a statement's own is evaluated before the policies.

Not even one that costs the planner nothing.

Whether a policy was then evaluated at all tells whether a row of another shop met the condition:
without a ticket by an error, with one by the plan's "never executed".
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.cast import Cast
from tests.database import WITHOUT_SUPERUSER, role_dsn, test_server
from tests.integration.tenancy.shops import fill

from theseller.crypto.hmac_and_tenant_ticket import tenant_ticket
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import read_session

KEY = Secret("one-key-for-all-databases-of-this-test-session")
_WITHOUT_SUPERUSER = bool(os.environ.get(WITHOUT_SUPERUSER))
#: What is in a filter before every condition of the statement: both policies or, without a
#: superuser, the second.
FIRST = "JSON_OBJECT(" if _WITHOUT_SUPERUSER else "= ANY (ARRAY["
#: Conditions that PostgreSQL knows to be leakproof and takes to cost nothing, each with a value
#: that a row has and one that none has.
FREE = {
    "subscript of a document": (
        "((select {there}::jsonb))[p.sku] is not null",
        """'{"S-7": 1}'""",
        """'{"S-none": 1}'""",
    ),
    "subscript of an array": (
        "((select array_fill(1, array[1], array[{there}])))[p.quantity] is not null",
        "1",
        "4711",
    ),
    "boolean column": ("p.is_business is {there}", "false", "unknown"),
}


@pytest.fixture
def filled(database: str, cast: Cast) -> Cast:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        fill(superuser, cast.alices_shop, 9)
    return cast


@pytest.mark.parametrize("role", ["web", "worker", "retention"])
@pytest.mark.parametrize("condition", FREE)
def test_condition_with_cost_zero_is_evaluated_after_the_tenant_policy(
    condition: str, role: str, database: str, filled: Cast
) -> None:
    text, *values = FREE[condition]
    with psycopg.connect(role_dsn(role, database), autocommit=True) as connection:
        for value in values:
            where = text.replace("{there}", value)
            statement = f"select 1 from ingest_order_line p where {where}"
            with (
                pytest.raises(
                    psycopg.errors.InsufficientPrivilege, match="no tenant scope is open"
                ),
                connection.transaction(),
            ):
                connection.execute(
                    "set local enable_indexscan = off; set local enable_bitmapscan = off"
                )
                connection.execute(statement)
            ticket = tenant_ticket(
                KEY,
                new_id(),
                read_session(connection),
                datetime.now(UTC) + timedelta(minutes=5),  # noqa: TID251
            )  # compared with the machine's own clock
            with connection.transaction():
                connection.execute(
                    "set local enable_indexscan = off; set local enable_bitmapscan = off; set local"
                    " enable_partition_pruning = off"
                )
                connection.execute("select set_config('theseller.ticket', %s, true)", [ticket])
                row = connection.execute(
                    "explain (analyze, format json, costs off, timing off, summary off)"
                    f" {statement}"
                ).fetchone()
            assert row is not None
            for filters in _filters(json.loads(json.dumps(row[0]))):
                assert filters.index(FIRST) < min(
                    at
                    for at in (
                        filters.find("IS NOT NULL"),
                        filters.find("IS FALSE"),
                        filters.find("IS UNKNOWN"),
                    )
                    if at >= 0
                ), filters


def _filters(plan: object) -> list[str]:
    """Return the row filter of each scan in a plan."""
    if isinstance(plan, list):
        return [one for part in plan for one in _filters(part)]
    if isinstance(plan, dict):
        own = [str(plan["Filter"])] if "Filter" in plan else []
        return own + [one for part in plan.values() for one in _filters(part)]
    return []


def test_uuid_comparison_of_the_tenant_policies_has_cost_zero(database: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        row = superuser.execute(
            "select procost from pg_proc where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure"
        ).fetchone()
    assert row == (1.0 if _WITHOUT_SUPERUSER else 0.0,)


def test_tenant_ticket_is_valid_without_standard_conforming_strings(
    database: str, filled: Cast
) -> None:
    with psycopg.connect(role_dsn("web", database)) as connection:
        connection.execute("set standard_conforming_strings = off")
        ticket = tenant_ticket(
            KEY,
            filled.alices_shop,
            read_session(connection),
            datetime.now(UTC) + timedelta(minutes=5),  # noqa: TID251
        )  # as above
        connection.execute("select set_config('theseller.ticket', %s, true)", [ticket])
        row = connection.execute("select count(*) from ingest_product").fetchone()
    assert row == (9,)


def test_no_function_reads_a_row_past_row_security(database: str) -> None:
    with (
        psycopg.connect(role_dsn("web", database)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select currtid2('public.ingest_product', '(0,1)')")
