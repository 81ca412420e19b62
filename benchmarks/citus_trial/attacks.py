"""The attacks of decision 0004 on the distributed tables, and those that Citus adds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from uuid import UUID

import psycopg
from benchmarks.citus_trial.cluster import COORDINATOR, WORKERS, Cluster, Connection
from benchmarks.citus_trial.deployment import open_local_scope, open_scope, ticket
from benchmarks.citus_trial.report import PASS, WRONG, Report, refusal
from benchmarks.citus_trial.schema import server_of

TABLES = ("ingest_product", "ingest_order_line")
ROLES = ("theseller_web", "theseller_worker", "theseller_retention")
VICTIMS, OWN = 257, 11
#: `{a}` the attacked tenant, `{c}` the attacker's own; none may reach a row of `{a}`.
WRITES = {
    "delete": "delete from {t} where tenant_id = '{a}'",
    "delete without a condition": "delete from {t}",
    "delete by a setting changed in the statement": "delete from {t} where set_config('x.y', '{a}',"
        " true) is not null and tenant_id = current_setting('x.y')::uuid",
    "update": "update {t} set sku = 'stolen' || sku where tenant_id = '{a}'",
    "update without a condition": "update {t} set sku = 'stolen' || sku",
    "give rows to the other tenant": "update {t} set tenant_id = '{a}', sku = 'given' || sku",
    "copy the other tenant's rows": "insert into {t} select p.* from {t} p where p.tenant_id ="
        " '{a}' on conflict do nothing",
    "merge": "merge into {t} t using (select '{a}'::uuid as s) v on t.tenant_id = v.s"
        " when matched then delete",
}  # fmt: skip
INSERT = (
    "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
    " updated_at) values ('{a}', 'US', '{sku}', gen_random_uuid(), 'B', 't', now()){conflict}"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The attacked and the attacking tenant, in one shard, and the names of their shards."""

    attacked: UUID
    own: UUID
    shards: dict[str, str]
    worker: str
    neighbors: tuple[UUID, ...]

    def fill(self, text: str, table: str) -> str:
        """Return an attack on a table, whose name is of a shard on the worker."""
        return text.format(t=table, a=self.attacked, c=self.own)


def make_pair(cluster: Cluster) -> Pair:
    """Make three tenants whose rows are in one shard, and one on each other worker.

    The third is there because the number of all rows of a shard is no secret (decision 0004).
    """
    from theseller.lib.ids import new_id

    by_shard: dict[object, list[UUID]] = {}
    by_worker: dict[str, UUID] = {}
    with cluster.connect(COORDINATOR, autocommit=True) as connection:
        while len(by_worker) < len(WORKERS) or max(map(len, by_shard.values())) < 3:
            tenant = new_id()
            row = connection.execute(
                "select get_shard_id_for_distribution_column('tenancy_tenant', %s)", [tenant]
            ).fetchone()
            by_shard.setdefault(row, []).append(tenant)
            by_worker[server_of(cluster, connection, tenant)] = tenant
        attacked, own, bystander = max(by_shard.values(), key=len)[:3]
        for tenant, count in ((attacked, VICTIMS), (own, OWN), (bystander, 100)):
            _fill(connection, tenant, count)
        shards = {
            table: str(name)
            for table in TABLES
            for (name,) in connection.execute(
                "select shard_name(%s::regclass, get_shard_id_for_distribution_column(%s, %s))",
                [table, table, own],
            ).fetchall()
        }
        worker = server_of(cluster, connection, own)
    neighbors = tuple(tenant for server, tenant in by_worker.items() if server != worker)
    return Pair(attacked, own, shards, worker, neighbors)


def _fill(connection: Connection, tenant: UUID, count: int) -> None:
    connection.execute("insert into tenancy_tenant values (%s, 'A shop', now())", [tenant])
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin,"
            " title, updated_at) values (%s, 'US', %s, gen_random_uuid(), 'B', 'title', now())",
            [(tenant, f"S-{number}") for number in range(count)],
        )
        cursor.executemany(
            "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
            " connection_id, marketplace_id, purchased_at, last_updated_at, status, fulfilment,"
            " is_business, is_replacement, sku, asin, quantity, source) values (%s, '2026-11-20',"
            " %s, '1', gen_random_uuid(), 'US', now(), now(), 'shipped', 'amazon', false, false,"
            " %s, 'B', 1, 'orders_api')",
            [(tenant, f"O-{number}", f"S-{number}") for number in range(count)],
        )


def on_shards(
    cluster: Cluster, pair: Pair, report: Report, form: str, roles: Sequence[str] = ROLES
) -> None:
    """Run the tests' own attacks on the shards, by each role, connected to the worker itself."""
    from tests.integration.tenancy.test_row_security import ATTACKS, PLANS

    area = f"attacks on a shard, {form}"
    failed: dict[str, str] = {}
    for role in roles:
        with cluster.connect(pair.worker, role) as connection:
            for name, table, plan in product(_possible(ATTACKS), TABLES, PLANS):
                why = _try_on_shard(connection, pair, ATTACKS[name], table, PLANS[plan])
                connection.rollback()
                if why:
                    failed.setdefault(name, f"{role}/{table}/{plan}: {why}")
    for name in _possible(ATTACKS):
        report.add(area, name, WRONG if name in failed else PASS, failed.get(name, ""))
    _writes(cluster, pair, report, area, pair.worker, open_local_scope)
    _inserts(cluster, pair, report, area, pair.worker, open_local_scope)
    _without_a_ticket(cluster, pair, report, area)
    _second_ticket(cluster, pair, report, area)


def _possible(attacks: Mapping[str, str]) -> list[str]:
    """Return the attacks without functions of the attacker's: no role may make any."""
    return [name for name, attack in attacks.items() if "pg_temp." not in attack]


def _try_on_shard(
    connection: Connection, pair: Pair, attack: str, table: str, switches: Sequence[str]
) -> str:
    statement = pair.fill(attack, pair.shards[table])
    own = "select set_config('x.y', %s, true)"
    open_local_scope(connection, pair.own)
    connection.execute(own, [str(pair.own)])
    for switch in switches:
        connection.execute(f"set local {switch} = off")
    try:
        with connection.transaction(force_rollback=True):
            rows = connection.execute(statement.encode()).fetchall()
        if any(pair.attacked in row for row in rows):
            return "rows of the other tenant"
        connection.execute(own, [str(pair.own)])
        plan = connection.execute(
            "explain (analyze, buffers off, costs off, timing off, summary off) "
            f"{statement}".encode()
        ).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    lines = "\n".join(str(line) for (line,) in plan)
    return "their number is in the plan" if str(VICTIMS) in re.findall(r"\d+", lines) else ""


def through_coordinator(
    cluster: Cluster, pair: Pair, report: Report, form: str, roles: Sequence[str] = ROLES
) -> None:
    """Run the tests' attacks on the distributed tables, by each role."""
    from tests.integration.tenancy.test_row_security import ATTACKS

    area = f"attacks through the coordinator, {form}"

    def everywhere(connection: Connection, tenant: UUID) -> None:
        open_scope(connection, tenant, pair.neighbors)

    failed: dict[str, str] = {}
    refused: dict[str, str] = {}
    for role in roles:
        with cluster.connect(COORDINATOR, role) as connection:
            connection.execute("set citus.propagate_set_commands = 'local'")
            connection.commit()
            for name, table in product(_possible(ATTACKS), TABLES):
                everywhere(connection, pair.own)
                connection.execute(f"set local x.y = '{pair.own}'")
                try:
                    statement = pair.fill(ATTACKS[name], table)
                    rows = connection.execute(statement.encode()).fetchall()
                except psycopg.Error as error:
                    refused[name] = refusal(error)
                    rows = []
                if any(pair.attacked in row for row in rows):
                    failed.setdefault(name, f"{role}/{table}: rows of the other tenant")
                connection.rollback()
    for name in _possible(ATTACKS):
        note = failed.get(name) or (f"error: {refused[name]}" if name in refused else "no row")
        report.add(area, name, WRONG if name in failed else PASS, note)
    _writes(cluster, pair, report, area, COORDINATOR, everywhere)
    _inserts(cluster, pair, report, area, COORDINATOR, everywhere)


def _writes(
    cluster: Cluster,
    pair: Pair,
    report: Report,
    area: str,
    server: str,
    begin: Callable[[Connection, UUID], object],
) -> None:
    wrong: dict[str, str] = {}
    refused: dict[str, str] = {}
    for role in ROLES:
        with cluster.connect(server, role) as connection:
            for name, table in product(WRITES, TABLES):
                there = table if server == COORDINATOR else pair.shards[table]
                begin(connection, pair.own)
                connection.execute("select set_config('x.y', %s, true)", [str(pair.own)])
                try:
                    done = connection.execute(pair.fill(WRITES[name], there).encode()).rowcount
                except psycopg.Error as error:
                    done, refused[name] = 0, refusal(error)
                connection.rollback()
                if done > OWN:
                    wrong[name] = f"{role}/{table}: {done} rows"
    for name in WRITES:
        note = wrong.get(name) or (f"error: {refused[name]}" if name in refused else "own rows")
        report.add(area, name, WRONG if name in wrong else PASS, note)
    intact = _rows_of(cluster, pair) == (VICTIMS, VICTIMS)
    report.add(area, "the other tenant's rows are all there", PASS if intact else WRONG)


def _rows_of(cluster: Cluster, pair: Pair) -> tuple[object, ...]:
    with cluster.connect(COORDINATOR) as superuser:
        return tuple(
            row[0]
            for table in TABLES
            for row in superuser.execute(
                f"select count(*) from {table} where tenant_id = %s",
                [pair.attacked],
            ).fetchall()
        )


def _inserts(
    cluster: Cluster,
    pair: Pair,
    report: Report,
    area: str,
    server: str,
    begin: Callable[[Connection, UUID], object],
) -> None:
    """Insert a key that the other tenant has and one that it has not: the answers are equal."""
    answers = set()
    for sku in ("S-1", "S-none"):
        for conflict in ("", " on conflict do nothing"):
            with cluster.connect(server, "theseller_web") as connection:
                begin(connection, pair.own)
                text = INSERT.format(a=pair.attacked, sku=sku, conflict=conflict)
                if server != COORDINATOR:
                    text = text.replace("ingest_product", pair.shards["ingest_product"], 1)
                try:
                    connection.execute(text.encode())
                    answers.add("inserted")
                except psycopg.Error as error:
                    answers.add(refusal(error))
                connection.rollback()
    right = len(answers) == 1 and "row-level security" in next(iter(answers))
    report.add(area, "insert for the other tenant", PASS if right else WRONG, min(answers))


def _without_a_ticket(cluster: Cluster, pair: Pair, report: Report, area: str) -> None:
    """No condition that costs the planner nothing is evaluated before the policies."""
    from tests.integration.tenancy.test_condition_order import FREE

    shard = pair.shards["ingest_order_line"]
    for name, (text, *values) in FREE.items():
        answers = []
        for value in values:
            with cluster.connect(pair.worker, "theseller_web") as connection:
                connection.execute("set enable_indexscan = off; set enable_bitmapscan = off")
                where = text.replace("{there}", value.replace("S-7", "S-200"))
                try:
                    connection.execute(f"select 1 from {shard} p where {where}".encode())
                    answers.append("no error")
                except psycopg.Error as error:
                    answers.append(refusal(error))
        same = set(answers) == {"no tenant scope is open"}
        report.add(
            area, f"without a ticket, {name}", PASS if same else WRONG, " / ".join(set(answers))
        )


def _second_ticket(cluster: Cluster, pair: Pair, report: Report, area: str) -> None:
    """Put in place of the ticket another tenant's, valid for this session, in mid-statement."""
    from theseller.tenancy.tenant_scope import read_session

    shard = pair.shards["ingest_product"]
    with cluster.connect(pair.worker, "theseller_web") as connection:
        session = read_session(connection)
        other = ticket(pair.attacked, session.pid, session.started)
        open_local_scope(connection, pair.own)
        rows = connection.execute(
            f"select p.tenant_id from {shard} p where set_config('theseller.ticket', %s, true)"
            " is not null or p.sku > ''",
            [other],
        ).fetchall()
    seen = sum(row[0] == pair.attacked for row in rows)
    report.add(
        area,
        "a second valid ticket in mid-statement",
        WRONG if seen else PASS,
        f"{seen} rows of the other tenant" if seen else "",
    )
