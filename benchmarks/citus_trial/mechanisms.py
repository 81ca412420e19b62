"""What the product does with its tables, on the cluster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from benchmarks.citus_trial.cluster import COORDINATOR, WORKERS, Cluster
from benchmarks.citus_trial.deployment import migrate, open_local_scope, open_scope, product_on
from benchmarks.citus_trial.report import PASS, REFUSED, WRONG, Report, refusal

_ARGUMENTS = {
    "uuid": "gen_random_uuid()",
    "timestamp with time zone": "now()",
    "date": "current_date",
    "integer": "10",
    "text": "'x'",
    "bytea": "'\\x00'",
    "boolean": "false",
}
#: Functions that read the rows of all tenants; those that change something are not called.
_FUNCTIONS = """
select p.proname, pg_get_function_arguments(p.oid),
       coalesce((select array_agg(format_type(t, null) order by n)
                 from unnest(p.proargtypes::oid[]) with ordinality u (t, n)), '{}'),
       (select min(r.rolname) from pg_roles r where r.rolname like 'theseller_%' and r.rolcanlogin
        and has_function_privilege(r.oid, p.oid, 'execute'))
from pg_proc p
where p.pronamespace = 'guard'::regnamespace and p.prosecdef and p.provolatile <> 'v'
  and p.prorettype <> 'trigger'::regtype and p.proowner = 'theseller_directory'::regrole
order by 1
"""


def tickets(cluster: Cluster, tenant: UUID, report: Report) -> None:
    """Try the ways by which a ticket could reach a worker."""
    count = "select count(*) from ingest_product where tenant_id = %s"

    def rows(prepare: Callable[[Any], object]) -> Callable[[], object]:
        def attempt() -> object:
            with cluster.connect(COORDINATOR, "theseller_web") as connection:
                prepare(connection)
                row = connection.execute(count, [tenant]).fetchone()
                return f"{row[0]} rows" if row and row[0] else False

        return attempt

    def by_statement(connection: Any) -> None:
        open_local_scope(connection, tenant)
        row = connection.execute("select current_setting('theseller.ticket')").fetchone()
        connection.execute("set citus.propagate_set_commands = 'local'")
        connection.execute(f"set local theseller.ticket = '{row[0]}'".encode())

    report.attempt(
        "ticket", "as today: set_config, for the coordinator's session",
        rows(lambda connection: open_local_scope(connection, tenant)),
    )  # fmt: skip
    report.attempt(
        "ticket", "SET LOCAL, for the coordinator's session", rows(by_statement)
    )  # fmt: skip
    report.attempt(
        "ticket", "set on the worker by a delegated function, for the worker's session",
        rows(lambda connection: open_scope(connection, tenant)),
    )  # fmt: skip


def product(cluster: Cluster, report: Report) -> None:
    """Run the product's own functions."""
    with product_on(cluster, COORDINATOR):
        _product(report)


def _product(report: Report) -> None:
    from tests.cast import create_cast
    from tests.integration.analytics.facts import NOON, Shop

    from theseller.connections.connection_locks import lock_exclusive
    from theseller.connections.operations import connection_for_files
    from theseller.lib.ids import new_id
    from theseller.lib.marketplaces import Region
    from theseller.tenancy.tenant_scope import tenant_scope

    made: dict[str, Any] = {}

    def opens() -> None:
        made["shop"] = Shop.open()

    def locks() -> None:
        with tenant_scope(made["shop"].tenant, using="worker"):
            lock_exclusive(new_id(), using="worker")

    def connects() -> None:
        tenant = made["shop"].tenant
        with tenant_scope(tenant):
            made["connection"] = connection_for_files(Region.NA, tenant=tenant, at=NOON)

    report.attempt("product", "a shop with its line of the audit log", opens)
    report.attempt("product", "people, members", lambda: create_cast() and None)
    report.attempt("product", "a connection for files, its advisory lock", connects)
    report.attempt("product", "an exclusive advisory lock (on the coordinator)", locks)
    _bulk_writes(report, made["shop"])
    _rollups(report, made["shop"])
    _ends(report, made)


def _bulk_writes(report: Report, shop: Any) -> None:
    from tests.integration.ingest.facts.test_write_orders import AT, US, line, transaction

    from theseller.ingest.facts.ledger_writer import write_transactions
    from theseller.ingest.facts.write_orders import write_orders
    from theseller.tenancy.tenant_scope import tenant_scope

    def scoped(verb: Callable[..., object], *what: object, **more: object) -> Callable[[], object]:
        def attempt() -> object:
            with tenant_scope(shop.tenant, using="worker"):
                return verb(
                    *what, tenant=shop.tenant, connection=shop.connection, at=AT, using="worker",
                    **more,
                )  # fmt: skip

        return attempt

    def writes_nothing_twice() -> object:
        again: Any = scoped(write_orders, [[line(), line("CUP")]])()
        return again.added == 0 and "nothing added"

    report.attempt(
        "product", "orders of a report: stage, COPY, INSERT",
        scoped(write_orders, [[line(), line("CUP")]]),
    )  # fmt: skip
    report.attempt("product", "the same orders again", writes_nothing_twice)
    report.attempt(
        "product", "transactions: stage, comparison, INSERT",
        scoped(write_transactions, [transaction("T-1")], marketplace_ids=[US]),
    )  # fmt: skip


def _rollups(report: Report, shop: Any) -> None:
    from tests.integration.analytics.facts import DE, NOON

    from theseller.analytics.rollups.rollup_recount_check import differences

    def settlement_marks_days() -> object:
        before = _dirty(shop)
        shop.settlement_document(NOON - timedelta(days=60), NOON - timedelta(days=50))
        return _dirty(shop) > before and "days marked by the trigger"

    def recounts() -> object:
        found, days = differences(shop.tenant, days=50, seed=1, using="worker")
        return not found and days and f"{days} days recounted in Python, all equal"

    report.attempt("product", "an order line and money", lambda: _facts(shop, NOON, DE))
    report.attempt("product", "a settlement document and its trigger", settlement_marks_days)
    report.attempt("product", "recomputation of all dirty days", shop.roll_up)
    report.attempt("product", "the nightly recount", recounts)


def _facts(shop: Any, at: datetime, store: str) -> None:
    shop.order(at, store=store)
    shop.money(at, "20.00", store=store)


def _dirty(shop: Any) -> int:
    rows = shop.select(
        "select count(*) as days from ingest_dirty_day where tenant_id = %s", [shop.tenant]
    )
    return int(rows[0]["days"])


def _ends(report: Report, made: dict[str, Any]) -> None:
    from tests.integration.analytics.facts import NOON

    from theseller.connections.operations import disconnect
    from theseller.connections.types import DisconnectReason
    from theseller.erasure.connection_erasure import erase_connection
    from theseller.erasure.vacuum import relations_of

    tenant = made["shop"].tenant

    def finds_partitions() -> object:
        found = relations_of(["ingest_order_line"], tenant, using="retention")
        return bool(found) and f"{len(found)} relations"

    report.attempt("product", "the partitions that an erasure rewrites", finds_partitions)
    report.attempt(
        "product", "disconnection",
        lambda: disconnect(connection=made["connection"], reason=DisconnectReason.SELLER_REQUEST,
                           tenant=tenant, actor="process:test", at=NOON) and None,
    )  # fmt: skip
    report.attempt(
        "product", "erasure of the connection",
        lambda: erase_connection(connection=made["connection"], tenant=tenant, at=NOON) and None,
    )  # fmt: skip


def product_as_it_is(cluster: Cluster, report: Report) -> None:
    """Run the two statements that Citus refuses without the trial's conflict clause."""
    from tests.integration.analytics.facts import DE, NOON, Shop
    from tests.integration.ingest.facts.test_write_orders import AT, line

    with product_on(cluster, COORDINATOR, adapted=False):
        from theseller.ingest.facts.write_orders import write_orders
        from theseller.tenancy.tenant_scope import tenant_scope

        shop = Shop.open()
        _facts(shop, NOON, DE)

        def writes() -> object:
            with tenant_scope(shop.tenant, using="worker"):
                return write_orders(
                    [[line()]], tenant=shop.tenant, connection=shop.connection, at=AT,
                    using="worker",
                )  # fmt: skip

        report.attempt("product", "INSERT … SELECT of a bulk write, as it is", writes)
        report.attempt("product", "INSERT … SELECT of the rollups, as it is", shop.roll_up)


def across(cluster: Cluster, report: Report, *, login: bool) -> None:
    """Call every function that reads the rows of all tenants, as a role that may."""
    switch = "login" if login else "nologin"
    for worker in WORKERS:
        with cluster.connect(worker, autocommit=True) as node:
            node.execute("set citus.enable_ddl_propagation = off")
            for role in ("theseller_directory", "theseller_requests", "theseller_owner"):
                node.execute(f"alter role {role} {switch}")
    with cluster.connect(COORDINATOR) as connection:
        functions = connection.execute(_FUNCTIONS).fetchall()
    passed: list[str] = []
    refused: dict[str, str] = {}
    for name, _, types, role in functions:
        arguments = ", ".join(_ARGUMENTS[kind] for kind in types)
        with cluster.connect(COORDINATOR, role) as connection:
            try:
                connection.execute(f"select guard.{name}({arguments})").fetchall()
                passed.append(name)
            except psycopg.Error as error:
                refused[name] = refusal(error)
    words: dict[str, int] = {}
    for why in refused.values():
        words[why] = words.get(why, 0) + 1
    report.add(
        "functions over all tenants",
        "the owners may" + ("" if login else " not") + " sign in to the workers",
        REFUSED if refused else PASS,
        f"{len(passed)} of {len(functions)} answer"
        + "".join(f"; {count}: {why}" for why, count in words.items()),
    )


def atomic(cluster: Cluster, tenant: UUID, report: Report) -> None:
    """Find whether a write on a worker and one on the coordinator commit in two phases."""
    with cluster.connect(COORDINATOR, autocommit=True) as superuser:
        for name, kind in (("a local table", ""), ("a local table that Citus knows", "known")):
            table = f"public.trial_log{kind}"
            superuser.execute(f"create table {table} (line text)")
            if kind:
                superuser.execute(f"select citus_add_local_table_to_metadata('{table}')")
            before = _prepared(superuser)
            with superuser.transaction():
                superuser.execute(f"insert into {table} values ('x')")
                superuser.execute(
                    "update tenancy_tenant set name = 'Another' where id = %s", [tenant]
                )
            two_phases = _prepared(superuser) > before
            superuser.execute(f"drop table {table}")
            report.add(
                "transactions",
                f"a shop's row and {name}, in two phases",
                PASS if two_phases else WRONG,
                "" if two_phases else "one phase: a crash can leave one of both",
            )


def _prepared(superuser: Any) -> int:
    row = superuser.execute(
        "select coalesce(max(regexp_replace(gid, '.*_([0-9]+)_[0-9]+$', '\\1')::bigint), 0)"
        " from pg_dist_transaction"
    ).fetchone()
    return int(row[0])


def later(cluster: Cluster, report: Report) -> None:
    """Try what comes later: a new month, a rewrite, the next migrate."""
    month = (
        "create table public.ingest_order_line_{0} partition of ingest_order_line for values"
        " from ('{1}-01') to ('{1}-28')"
    )

    def new_month(role: str, name: str) -> Callable[[], object]:
        def attempt() -> None:
            with cluster.connect(COORDINATOR, autocommit=True) as connection:
                connection.execute(f"set role {role}")
                connection.execute(month.format(name.replace("-", ""), name))

        return attempt

    report.attempt(
        "later", "a new month's partition, by the owner (may sign in to workers)",
        new_month("theseller_owner", "2027-01"),
    )  # fmt: skip
    for worker in WORKERS:
        with cluster.connect(worker, autocommit=True) as node:
            node.execute("set citus.enable_ddl_propagation = off")
            node.execute("alter role theseller_owner nologin")
    report.attempt(
        "later", "a new month's partition, by the owner (may not)",
        new_month("theseller_owner", "2027-02"),
    )  # fmt: skip
    report.attempt(
        "later", "`vacuum (full)` of a distributed table", lambda: _vacuum(cluster)
    )  # fmt: skip
    report.attempt("later", "`theseller migrate` again", lambda: migrate(cluster, COORDINATOR))


def _vacuum(cluster: Cluster) -> None:
    with cluster.connect(COORDINATOR, autocommit=True) as connection:
        connection.execute("vacuum (full) public.ingest_product")


def moved_shard(cluster: Cluster, report: Report) -> None:
    """Compare the policies of a shard after it was moved to the other worker."""
    report.attempt("later", "a shard moves to the other worker", lambda: _move(cluster, report))


def _move(cluster: Cluster, report: Report) -> None:
    with cluster.connect(COORDINATOR, autocommit=True) as connection:
        row = connection.execute(
            "select s.shardid, n.nodeport, shard_name(s.logicalrelid, s.shardid) from pg_dist_shard"
            " s join pg_dist_placement p using (shardid) join pg_dist_node n using (groupid)"
            " where s.logicalrelid = 'ingest_product'::regclass order by 1 limit 1"
        ).fetchone()
        assert row is not None
        shard, port, name = row
        source, target = sorted(WORKERS, key=lambda worker: cluster.port(worker) != port)
        connection.execute(
            "select citus_move_shard_placement(%s, '127.0.0.1', %s, '127.0.0.1', %s,"
            " 'block_writes')",
            [shard, cluster.port(source), cluster.port(target)],
        )
    with cluster.connect(target) as node:
        node.execute("set citus.override_table_visibility = off")
        found = node.execute(
            "select bool_and(not polpermissive) filter (where polname = 'ticket'),"
            " bool_or(pg_get_expr(polqual, polrelid) ~* 'select') from pg_policy where polrelid ="
            " %s::regclass",
            [name],
        ).fetchone()
    kept = found == (True, True)
    report.add(
        "later", "a moved shard keeps the pair of policies that was put on it",
        PASS if kept else WRONG, "" if kept else "it has those of the coordinator, both permissive",
    )  # fmt: skip
