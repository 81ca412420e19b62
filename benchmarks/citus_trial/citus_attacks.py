"""Attacks that Citus adds: tickets of other sessions, its functions, its intermediate results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from benchmarks.citus_trial.attacks import VICTIMS, Pair
from benchmarks.citus_trial.cluster import COORDINATOR, Cluster, Connection
from benchmarks.citus_trial.deployment import open_scope, ticket
from benchmarks.citus_trial.report import PASS, WRONG, Report, refusal

_COUNT = "select count(*) from ingest_product where tenant_id = %s"
_SECRET = "select sku from ingest_product where tenant_id = '{a}'"  # noqa: S105
#: Take over the number of another session's transaction, and read its files.
_READ = (
    "with a as materialized (select assign_distributed_transaction_id({}, {}, '{}')::text x)"
    " select count(*) from a, lateral (select from read_intermediate_result('secret', 'binary')"
    " as (sku text) where a.x is not null) r"
)
#: What makes such files for the attacked session.
_LENT = (
    "create_intermediate_result(text, text)",
    "broadcast_intermediate_result(text, text)",
    "get_current_transaction_id()",
)
_RUNS_SQL = ("run_command_on_workers", "run_command_on_all_nodes", "run_command_on_coordinator")


def run(cluster: Cluster, pair: Pair, report: Report, state: str) -> None:
    """Try each attack as `theseller_web`, while a session of the same role serves the other."""
    area = f"attacks by Citus, {state}"
    with (
        cluster.connect(COORDINATOR, "theseller_web") as serving,
        cluster.connect(COORDINATOR, "theseller_web") as attacker,
    ):
        session = open_scope(serving, pair.attacked)
        stolen = ticket(pair.attacked, *session)
        _replays(pair, report, area, attacker, stolen)
        _direct(cluster, pair, report, area, stolen)
        _reads_text(report, area, attacker)
    _intermediate_results(cluster, pair, report, area)
    _shards_by_function(cluster, pair, report, area)


def _judge(report: Report, area: str, name: str, found: Any, *, wrong: bool) -> None:
    report.add(area, name, WRONG if wrong else PASS, found)


def _try(connection: Connection, statement: str, values: Any = None) -> tuple[list[Any], str]:
    """Return what a statement answers, and how it was refused."""
    try:
        with connection.transaction(force_rollback=True):
            return connection.execute(statement.encode(), values).fetchall(), ""
    except psycopg.Error as error:
        return [], refusal(error)


def _replays(pair: Pair, report: Report, area: str, attacker: Connection, stolen: str) -> None:
    def by_function() -> None:
        with psycopg.Cursor(attacker) as cursor:
            cursor.execute(
                "select guard.set_worker_ticket(%s, %s)", [pair.attacked, stolen], prepare=False
            )

    def by_statement() -> None:
        attacker.execute("set citus.propagate_set_commands = 'local'")
        attacker.execute(f"set local theseller.ticket = '{stolen}'".encode())

    for name, act in (
        ("another session's ticket, by the delegated function", by_function),
        ("another session's ticket, by SET LOCAL", by_statement),
    ):
        open_scope(attacker, pair.own)
        act()
        found, refused = _try(attacker, _COUNT, [pair.attacked])
        _judge(report, area, name, refused or found, wrong=bool(found) and found[0][0] > 0)
        attacker.rollback()


def _direct(cluster: Cluster, pair: Pair, report: Report, area: str, stolen: str) -> None:
    """With a connection to the worker, which a deployment must not allow."""
    shard = pair.shards["ingest_product"]
    with cluster.connect(pair.worker, "theseller_web") as there:
        for name, value in (("no ticket", ""), ("another session's ticket", stolen)):
            there.execute("select set_config('theseller.ticket', %s, true)", [value])
            for target in (shard, "ingest_product"):
                found, refused = _try(there, f"select count(*) from {target}")
                _judge(
                    report, area, f"{name}, on the worker, {target.split('_1')[0]}"
                    f"{' (shard)' if target == shard else ''}",
                    refused or found, wrong=bool(found) and found[0][0] > 0,
                )  # fmt: skip


def _reads_text(report: Report, area: str, attacker: Connection) -> None:
    found, refused = _try(
        attacker,
        "select count(*) from citus_stat_activity where query ~ '[|][0-9]+[|][0-9a-f]{64}'"
        " and pid <> pg_backend_pid()",
    )
    _judge(
        report,
        area,
        "tickets in the texts of other sessions' statements",
        refused or f"{found[0][0]} tickets",
        wrong=bool(found) and found[0][0] > 0,
    )


def _intermediate_results(cluster: Cluster, pair: Pair, report: Report, area: str) -> None:
    """Read the files of another transaction of the same role, here and on the workers.

    The attacked session makes them by Citus' functions, so that their name is known here. The
    product's statements make such files too, as for an INSERT … SELECT with a conflict clause.
    """
    with (
        cluster.connect(COORDINATOR, "theseller_web") as serving,
        cluster.connect(COORDINATOR, "theseller_web") as attacker,
    ):
        open_scope(serving, pair.attacked)
        with _lent(cluster):
            numbers = _make_files(serving, pair)
        read = _READ.format(*numbers)
        found, refused = _try(attacker, read)
        _judge(
            report, area, "intermediate results on the coordinator", refused or f"{found} rows",
            wrong=found == [(VICTIMS,)],
        )  # fmt: skip
        for function in _RUNS_SQL:
            open_scope(attacker, pair.own)
            for name, statement in (
                ("called", f"select result from {function}($q${read}$q$)"),
                (
                    "pushed down to the worker",
                    (
                        f"select {function}($q${read}$q$)::text from ingest_product"
                        f" where tenant_id = '{pair.own}' limit 1"
                    ),
                ),
            ):
                found, refused = _try(attacker, statement)
                _judge(
                    report, area, f"intermediate results by {function}, {name}",
                    refused or found, wrong=str(VICTIMS) in str(found),
                )  # fmt: skip
            attacker.rollback()


def _make_files(serving: Connection, pair: Pair) -> tuple[Any, ...]:
    for function in _LENT[:2]:
        serving.execute(
            f"select {function.split('(', maxsplit=1)[0]}('secret', %s)".encode(),
            [_SECRET.format(a=pair.attacked)],
        )
    row = serving.execute(
        "select initiator_node_identifier, transaction_number, transaction_stamp"
        " from get_current_transaction_id()"
    ).fetchone()
    assert row is not None
    return row


@contextmanager
def _lent(cluster: Cluster) -> Iterator[None]:
    """Let the attacked session make its files; the functions are as they were afterwards."""
    with cluster.connect(COORDINATOR, autocommit=True) as superuser:
        superuser.execute("set citus.enable_ddl_propagation = off")
        taken = [
            name
            for name in _LENT
            if superuser.execute(
                "select has_function_privilege('theseller_web', %s, 'execute')", [name]
            ).fetchone()
            == (False,)
        ]
        for name in taken:
            superuser.execute(f"grant execute on function {name} to theseller_web".encode())
        yield
        for name in taken:
            superuser.execute(f"revoke execute on function {name} from theseller_web".encode())


def _shards_by_function(cluster: Cluster, pair: Pair, report: Report, area: str) -> None:
    shard = pair.shards["ingest_product"]
    with cluster.connect(COORDINATOR, "theseller_web") as attacker:
        for name, statement in {
            "SQL on every worker": "select result from run_command_on_workers('select count(*)"
            f" from {shard}')",
            "SQL on every shard": "select result from run_command_on_shards('ingest_product',"
            " 'select count(*) from %s')",
            "locks on another tenant's shard": "select lock_shard_resources(7, array["
            f"{shard.rsplit('_', 1)[1]}])",
            "sizes of all shards": "select citus_shard_sizes()",
            "all open transactions": "select get_all_active_transactions()",
        }.items():  # fmt: skip
            found, refused = _try(attacker, statement)
            text = refused or f"answered: {found[:1]}"
            denied = "permission denied" in refused or "no tenant scope" in str(found)
            _judge(report, area, name, text, wrong=not denied)
