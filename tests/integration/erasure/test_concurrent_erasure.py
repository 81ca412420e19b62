"""Several processes erase at once and are killed at random statements.

Each certificate has the counts of an independent count.
"""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from tests.integration.deployment import Deployment

from theseller.lib.ids import new_id

pytestmark = pytest.mark.timeout(900)
US = "ATVPDKIKX0DER"
#: Processes at once, and how often they are all started and killed before one is let through.
_AT_ONCE, _ROUNDS = 3, 2
#: An erasure of one subject passes some two hundred boundaries of statements.
_LAST_BOUNDARY, _NEVER = 240, 10**9
CERTIFICATES = """
import json
from uuid import UUID
from theseller.erasure.queries import subject_certificate
from theseller.erasure.queries import connection_certificate
from theseller.tenancy.tenant_scope import tenant_scope
told = {}
for pair in sys.argv[1:]:
    kind, tenant, subject = pair.split("/")
    if kind == "connection":
        with tenant_scope(UUID(tenant), using="retention"):
            found = connection_certificate(UUID(subject), using="retention")
    else:
        found = subject_certificate(UUID(subject), using="retention")
    told[subject] = json.loads(found[1])["body"] if found else None
print(json.dumps(told))
"""


def _insert(deployed: Deployment, query: str, *parameters: object) -> None:
    deployed.rows(f"{query} returning 1", *parameters)


def _connection(deployed: Deployment, tenant: UUID, rows: int) -> UUID:
    """Make a connection that has ended, with `rows` order lines in each of three months.

    And three times as many products.
    """
    connection = new_id()
    _insert(
        deployed,
        "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
        " marketplace_ids, features, roles, created_at)"
        " values (%s, %s, 'files', 'na', '', '{}', '{}', '{}', now())",
        tenant, connection,
    )  # fmt: skip
    for month in ("2026-09-10", "2026-10-10", "2026-11-10"):
        _insert(
            deployed,
            "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
            " connection_id, marketplace_id, purchased_at,"
            " last_updated_at, status, fulfilment, is_business, is_replacement, sku, asin,"
            " quantity, source) select %s, %s::date,"
            " %s || n, '1', %s, %s, %s::timestamptz, now(), 'shipped', 'amazon', false, false,"
            " 'S', 'A', 1, 'orders_api'"
            " from generate_series(1, %s) n",
            tenant, month, f"{connection}-{month}-", connection, US, month, rows,
        )  # fmt: skip
    _product(deployed, tenant, connection, 3 * rows, "first")
    _insert(
        deployed,
        "insert into connections_disconnection (tenant_id, connection_id, at, reason, actor)"
        " values (%s, %s, now() - interval '1 hour', %s, 'process:test')",
        tenant, connection, "seller_request",
    )  # fmt: skip
    return connection


def _product(deployed: Deployment, tenant: UUID, connection: UUID, rows: int, name: str) -> None:
    _insert(
        deployed,
        "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
        " updated_at)"
        " select %s, %s, %s || n, %s, 'A', 'T', now() from generate_series(1, %s) n",
        tenant, US, f"{connection}-{name}-", connection, rows,
    )  # fmt: skip


def _at_once(deployed: Deployment, work: str, boundaries: list[int]) -> list[int]:
    """Run one eraser for each boundary at the same time; return their exit statuses."""

    def erase(boundary: int) -> int:
        done = deployed.python("tests.integration.erasure.concurrent_eraser", work, str(boundary))
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        return done.returncode

    with ThreadPoolExecutor(len(boundaries)) as erasers:
        return list(erasers.map(erase, boundaries))


def _counted(body: Mapping[str, list[dict[str, int]]]) -> dict[str, int]:
    return {str(row["table"]): row["deleted"] for row in body["rows"] if row["deleted"]}


def test_concurrent_interrupted_connection_erasures_count_every_row_once(
    deployed: Deployment,
) -> None:
    chance = random.Random(1)  # where to kill: the same in each run  # noqa: S311
    people = deployed.people()
    shops = [UUID(people[0]["tenant"]), UUID(people[1]["tenant"]), UUID(people[1]["tenant"])]
    rows = [40, 25, 7]
    ended = [_connection(deployed, tenant, many) for tenant, many in zip(shops, rows, strict=True)]
    statuses: list[int] = []
    for number in range(_ROUNDS):
        statuses += _at_once(
            deployed, "connections", [chance.randrange(_LAST_BOUNDARY) for _ in range(_AT_ONCE)]
        )
        if number == 0:  # A pull that was under way wrote once more, after its table was done.
            _product(deployed, shops[2], ended[2], 5, "late")
    assert _at_once(deployed, "connections", [_NEVER] * _AT_ONCE) == [0] * _AT_ONCE
    result = json.loads(
        deployed.ask(
            CERTIFICATES,
            *(f"connection/{tenant}/{one}" for tenant, one in zip(shops, ended, strict=True)),
        )
    )
    for one, many in zip(ended, rows, strict=True):
        late = 5 if one == ended[2] else 0
        assert result[str(one)] is not None, "no certificate after all"
        assert _counted(result[str(one)]) == {
            "ingest_order_line": 3 * many,
            "ingest_product": 3 * many + late,
        }, statuses


@pytest.mark.exhaustive
def test_concurrent_interrupted_shop_and_user_erasures_count_every_row_once(
    deployed: Deployment,
) -> None:
    chance = random.Random(1)  # where to kill: the same in each run  # noqa: S311
    tenant, elsewhere = new_id(), new_id()
    for one in (tenant, elsewhere):
        _insert(
            deployed,
            "insert into tenancy_tenant (id, name, created_at) values (%s, 'A shop', now())",
            one,
        )
    leaving = [new_id() for _ in range(3)]
    requested = [new_id() for _ in range(2)]
    for person in (*leaving, *requested):
        _insert(
            deployed,
            "insert into accounts_user (id, email, name, joined_at, password) values (%s, %s,"
            " 'Dora', now(), '!')",
            person, f"{person}@x.example",
        )  # fmt: skip
        shop = tenant if person in leaving else elsewhere
        _insert(
            deployed,
            "insert into accounts_membership (tenant_id, user_id, role, since) values (%s, %s,"
            " 'viewer', now())",
            shop,
            person,
        )
        _insert(
            deployed,
            "insert into accounts_recovery_code (set_id, code_hash, user_id, made_at) select %s,"
            " sha256((%s || n)::bytea), %s, now()"
            " from generate_series(1, 8) n", new_id(), str(person), person,
        )  # fmt: skip
    _insert(
        deployed,
        "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by)"
        " values (%s, %s, 'shop', now() - interval '2 days', 'process:test')",
        tenant,
        tenant,
    )
    for person in requested:
        _insert(
            deployed,
            "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, own_request)"
            " values (%s, %s, 'person', now(), true)",
            person,
            person,
        )
    for _ in range(_ROUNDS):
        _at_once(deployed, "ends", [chance.randrange(_LAST_BOUNDARY) for _ in range(_AT_ONCE)])
    assert _at_once(deployed, "ends", [_NEVER] * _AT_ONCE) == [0] * _AT_ONCE
    result = json.loads(
        deployed.ask(
            CERTIFICATES, f"shop/{tenant}/{tenant}", *(f"person//{one}" for one in requested)
        )
    )
    assert result[str(tenant)] is not None, "no certificate after all"
    assert _counted(result[str(tenant)]) == {
        "tenancy_tenant": 1,
        "accounts_membership": 3,
        "accounts_user": 3,
        "accounts_recovery_code": 24,
    }
    for person in requested:
        assert result[str(person)] is not None, "no certificate after all"
        counted = {"accounts_membership": 1, "accounts_user": 1, "accounts_recovery_code": 8}
        assert _counted(result[str(person)]) == counted
