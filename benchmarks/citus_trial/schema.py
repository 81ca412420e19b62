"""The product's own schema on Citus: what is refused as it is, and what has to be changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import psycopg
from benchmarks.citus_trial.cluster import (
    COORDINATOR,
    DATABASE,
    PLAIN,
    WORKERS,
    Cluster,
    Connection,
)
from benchmarks.citus_trial.report import PASS, REFUSED, Report
from psycopg import sql

SHARDS = 8
#: The first and the last month with facts. Citus takes one level of partitions only.
FIRST_MONTH, LAST_MONTH = date(2026, 1, 1), date(2026, 12, 1)
_SERVING = (
    "theseller_owner, theseller_web, theseller_worker, theseller_retention, theseller_pii,"
    " theseller_auth, theseller_operator"
)
_TENANT_TABLES = """
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'guard', 'pii') and c.relkind in ('r', 'p')
  and not c.relispartition and c.relrowsecurity order by c.oid <> 'tenancy_tenant'::regclass, 1
"""
#: Policies without a sub-select, which Citus accepts. `{table}` and `{column}` are filled in.
WITHOUT_SUBSELECT = (
    "{column} = any (array[guard.ticket_tenant()])",
    "case when {column} = guard.ticket_tenant() then true else false end",
)
#: The product's own pair (tenancy/sql/policies.sql).
OWN_PAIR = (
    "{column} = any (array[(select guard.ticket_tenant())])",
    "case when {column} = (select guard.ticket_tenant()) then true else false end",
)
_FLATTEN = """
do $$
declare part text; g record; m date;
begin
    create temporary table given on commit drop as
        select x.grantee::regrole::text as role, x.privilege_type as privilege, '' as columns
        from pg_class c, aclexplode(c.relacl) x
        where c.oid = '{t}'::regclass and x.grantee <> c.relowner
        union all
        select x.grantee::regrole::text, x.privilege_type, '(' || quote_ident(a.attname) || ')'
        from pg_attribute a, aclexplode(a.attacl) x where a.attrelid = '{t}'::regclass;
    create table public.flat (like {t} including all) partition by range (local_day);
    drop table {t} cascade;
    alter table flat rename to {t};
    m := '{first}';
    while m <= '{last}' loop
        part := format('{t}_%s', to_char(m, 'YYYYMM'));
        execute format('create table %I partition of {t} for values from (%L) to (%L)',
                       part, m, (m + interval '1 month')::date);
        execute format('alter table %I enable row level security, force row level security', part);
        execute format('alter table %I owner to theseller_owner', part);
        m := (m + interval '1 month')::date;
    end loop;
    alter table {t} owner to theseller_owner;
    alter table {t} enable row level security, force row level security;
    for g in select * from given loop
        execute format('grant %s %s on {t} to %I', g.privilege, g.columns, g.role);
    end loop;
    drop table given;
end $$
"""


def tenant_tables(connection: Connection) -> list[str]:
    """Return the tables with row security; the table of tenants is the first."""
    return [name for (name,) in connection.execute(_TENANT_TABLES).fetchall()]


def tenant_column(table: str) -> str:
    """Return the column by which a table is distributed."""
    return "id" if table == "tenancy_tenant" else "tenant_id"


def join_nodes(cluster: Cluster) -> None:
    """Create the extension on each node, and add the workers to the coordinator."""
    for worker in WORKERS:
        with psycopg.connect(cluster.dsn(worker, database="postgres"), autocommit=True) as node:
            node.execute(f"create database {DATABASE}")
    for server in (COORDINATOR, *WORKERS):
        with cluster.connect(server, autocommit=True) as node:
            node.execute("create extension citus")
    with cluster.connect(COORDINATOR, autocommit=True) as node:
        node.execute(
            "select citus_set_coordinator_host('127.0.0.1', %s)", [cluster.port(COORDINATOR)]
        )
        for worker in WORKERS:
            node.execute("select citus_add_node('127.0.0.1', %s)", [cluster.port(worker)])


def prepare_workers(cluster: Cluster, report: Report) -> None:
    """Make on each worker what the policies need there, which Citus does not bring along."""
    with cluster.connect(COORDINATOR, autocommit=True) as coordinator:
        functions = [
            row
            for name in ("guard.session_start()", "guard.ticket_tenant()")
            for row in coordinator.execute(
                "select %s, pg_get_functiondef(%s::regprocedure),"
                " (select proowner::regrole::text from pg_proc where oid = %s::regprocedure)",
                [name, name, name],
            ).fetchall()
        ]
        keys = coordinator.execute(
            "select id, inner_block, outer_block, created_at from guard.ticket_key"
        ).fetchall()
        roles = {
            name
            for (name,) in coordinator.execute(
                "select rolname from pg_roles where rolname like 'theseller%%'"
            ).fetchall()
        }
    for worker in WORKERS:
        with cluster.connect(worker, autocommit=True) as node:
            node.execute("set citus.enable_ddl_propagation = off")
            there = {name for (name,) in node.execute("select rolname from pg_roles").fetchall()}
            missing = sorted(roles - there)
            for role in missing:
                bypass = "" if role == "theseller_session" else "bypassrls"
                node.execute(f"create role {role} nologin {bypass}")
            _make_guard(node, functions, keys)
    report.add(
        "schema",
        "roles on workers",
        REFUSED if missing else PASS,
        f"not brought along: {', '.join(missing)}" if missing else "",
    )


def _make_guard(
    node: Connection, functions: Iterable[tuple[object, ...]], keys: Iterable[tuple[object, ...]]
) -> None:
    node.execute(
        "grant pg_read_all_stats to theseller_session;"
        "create schema if not exists guard authorization theseller_owner;"
        "create schema if not exists pii authorization theseller_owner;"
        "create table guard.ticket_key (id uuid primary key, inner_block bytea not null,"
        " outer_block bytea not null, created_at timestamptz not null);"
        "alter table guard.ticket_key owner to theseller_owner;"
        f"grant usage on schema guard, public to {_SERVING}, theseller_session, theseller_probe,"
        " theseller_directory, theseller_requests; grant usage on schema pii to theseller_pii;"
        f"revoke all on database {DATABASE} from public;"
        f"grant connect on database {DATABASE} to {_SERVING}, theseller_probe"
    )
    for key in keys:
        node.execute("insert into guard.ticket_key values (%s, %s, %s, %s)", list(key))
    for name, definition, owner in functions:
        node.execute(str(definition).encode())
        node.execute(
            f"alter function {name} owner to {owner}; revoke all on function {name} from public;"
            f"grant execute on function {name} to {_SERVING}, theseller_directory,"
            " theseller_requests"
        )
    node.execute(
        "update pg_proc set procost = 0 where oid = 'uuid_eq(uuid, uuid)'::regprocedure;"
        "revoke execute on function pg_catalog.currtid2(text, tid) from public"
    )


def try_as_they_are(connection: Connection, report: Report) -> None:
    """Try to distribute each table of a tenant without a change."""
    connection.execute(f"set citus.shard_count = {SHARDS}")
    for table in tenant_tables(connection):
        report.attempt(
            "as it is", table, lambda table=table: _rolled_back(connection, _distribute(table))
        )


def _rolled_back(connection: Connection, statement: sql.Composable) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(statement)


def _distribute(table: str, beside: str = "none") -> sql.Composable:
    return sql.SQL("select create_distributed_table({}, {}, colocate_with := {})").format(
        sql.Literal(table), sql.Literal(tenant_column(table)), sql.Literal(beside)
    )


def set_policies(connection: Connection, pair: tuple[str, str], tables: Iterable[str]) -> None:
    """Put a pair of policies on tables in place of theirs."""
    for table in tables:
        connection.execute(_policies(table, tenant_column(table), pair))


def _policies(table: str, column: str, pair: tuple[str, str]) -> bytes:
    tenant, ticket = (one.format(column=column) for one in pair)
    return (
        f"drop policy if exists tenant on {table}; drop policy if exists ticket on {table};"
        f"create policy tenant on {table} using ({tenant}) with check ({tenant});"
        f"create policy ticket on {table} as restrictive using ({ticket}) with check ({ticket})"
    ).encode()


def all_protected(connection: Connection) -> list[str]:
    """Return every table and partition with row security."""
    return [
        name
        for (name,) in connection.execute(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid ="
            " c.relnamespace where n.nspname in ('public', 'guard', 'pii') and c.relkind in"
            " ('r', 'p') and c.relrowsecurity order by 1"
        ).fetchall()
    ]


def distribute_all(connection: Connection, report: Report) -> None:
    """Change what has to be changed, and distribute every table of a tenant."""
    tables = tenant_tables(connection)
    set_policies(connection, WITHOUT_SUBSELECT, all_protected(connection))
    connection.execute(f"set citus.shard_count = {SHARDS}")
    for table in ("ingest_order_line", "ingest_ledger_line"):
        report.attempt(
            "schema",
            f"{table}, parts by tenant and month",
            lambda table=table: _rolled_back(connection, _distribute(table)),
        )
        connection.execute(_FLATTEN.format(t=table, first=FIRST_MONTH, last=LAST_MONTH).encode())
    set_policies(connection, WITHOUT_SUBSELECT, all_protected(connection))
    with_triggers = connection.execute(
        "select distinct tgrelid::regclass::text from pg_trigger where not tgisinternal"
        " and tgrelid = any (%s::regclass[])",
        [tables],
    ).fetchall()
    for (table,) in with_triggers:
        report.attempt(
            "schema",
            f"{table}, with its triggers",
            lambda table=table: _rolled_back(connection, _distribute(table)),
        )
    connection.execute("set citus.enable_unsafe_triggers = on")
    keys = connection.execute(
        "select conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) from"
        " pg_constraint where contype = 'f' and conparentid = 0 and (conrelid = any"
        " (%s::regclass[]) or confrelid = 'accounts_user'::regclass)",
        [tables],
    ).fetchall()
    for table, name, _ in keys:
        connection.execute(f"alter table {table} drop constraint {name}")
    report.attempt(
        "schema",
        "accounts_user as a reference table",
        lambda: connection.execute("select create_reference_table('accounts_user')") and None,
    )
    for table in tables:
        beside = "none" if table == tables[0] else tables[0]
        report.attempt(
            "distributed",
            table,
            lambda table=table, beside=beside: (
                connection.execute(_distribute(table, beside)) and None
            ),
        )
    for table, name, definition in keys:
        report.attempt(
            "foreign key",
            f"{table}: {definition}",
            lambda table=table, name=name, definition=definition: (
                connection.execute(f"alter table {table} add constraint {name} {definition}")
                and None
            ),
        )


def delegate_ticket(cluster: Cluster, report: Report) -> None:
    """Make the two functions that run on the worker of a tenant."""
    with cluster.connect(COORDINATOR, autocommit=True) as connection:
        connection.execute(
            "create function guard.worker_session(tenant uuid, out pid int, out started bigint)"
            " language sql volatile set search_path = pg_catalog, pg_temp"
            " as $$ select pg_backend_pid(), guard.session_start() $$;"
            "create function guard.set_worker_ticket(tenant uuid, ticket text) returns void"
            " language plpgsql volatile as $$ begin"
            " perform pg_catalog.set_config('theseller.ticket', ticket, true); end $$"
        )
        for name in ("guard.worker_session(uuid)", "guard.set_worker_ticket(uuid, text)"):
            connection.execute(
                f"alter function {name} owner to theseller_owner;"
                f"revoke all on function {name} from public;"
                f"grant execute on function {name} to {_SERVING}"
            )
            report.attempt(
                "ticket",
                f"{name} delegated to the worker of its tenant",
                lambda name=name: (
                    connection.execute(
                        "select create_distributed_function(%s, 'tenant', colocate_with :="
                        " 'tenancy_tenant', force_delegation := true)",
                        [name],
                    )
                    and None
                ),
            )


_SHARDS = """
select s.logicalrelid::regclass::text, shard_name(s.logicalrelid, s.shardid), n.nodeport
from pg_dist_shard s join pg_dist_placement p using (shardid)
join pg_dist_node n on n.groupid = p.groupid
join pg_class c on c.oid = s.logicalrelid
where c.relrowsecurity order by 1, 2
"""


def policies_on_shards(cluster: Cluster, pair: tuple[str, str]) -> int:
    """Put a pair of policies on every shard, on the workers themselves; return how many."""
    with cluster.connect(COORDINATOR) as coordinator:
        shards = coordinator.execute(_SHARDS).fetchall()
    for worker in WORKERS:
        with cluster.connect(worker, autocommit=True) as node:
            node.execute("set citus.enable_manual_changes_to_shards = on")
            node.execute("set citus.enable_ddl_propagation = off")
            for table, shard, port in shards:
                if port == cluster.port(worker):
                    node.execute(_policies(shard, tenant_column(table), pair))
    return len(shards)


def restrictive_on_shards(cluster: Cluster) -> tuple[int, int]:
    """Return how many second policies on shards are restrictive, and how many are not."""
    counted = [0, 0]
    for worker in WORKERS:
        with cluster.connect(worker) as node:
            node.execute("set citus.override_table_visibility = off")
            for permissive, count in node.execute(
                "select polpermissive, count(*) from pg_policy where polname = 'ticket' group by 1"
            ).fetchall():
                counted[permissive] += count
    return counted[0], counted[1]


def server_of(cluster: Cluster, connection: Connection, tenant: object) -> str:
    """Return the worker that has a tenant's rows."""
    row = connection.execute(
        "select n.nodeport from pg_dist_placement p join pg_dist_node n on n.groupid = p.groupid"
        " where p.shardid = get_shard_id_for_distribution_column('tenancy_tenant', %s)",
        [tenant],
    ).fetchone()
    assert row is not None
    return next(one for one in (PLAIN, *WORKERS) if cluster.port(one) == row[0])


_EXTENSION_FUNCTIONS = """
select p.oid::regprocedure::text from pg_proc p
join pg_depend d on d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e'
join pg_extension e on e.oid = d.refobjid
where e.extname in ('citus', 'citus_columnar') and p.proname <> all (%s)
  and has_function_privilege('theseller_web', p.oid, 'execute')
"""
#: What the coordinator's plans call as a role that serves, on itself and on workers.
NEEDED = (
    "read_intermediate_result",
    "citus_extradata_container",
    "citus_table_is_visible",
    "relation_is_a_known_shard",
    "lock_shard_resources",
)
#: What the coordinator calls on a worker as the role of its session.
NEEDED_ON_WORKERS = (
    "assign_distributed_transaction_id",
    "read_intermediate_results",
    "worker_partial_agg",
    "worker_partial_agg_sfunc",
    "worker_partial_agg_ffunc",
)


def take_functions_away(cluster: Cluster) -> dict[str, int]:
    """Revoke from everybody each function of the extension that plans don't call.

    The owner of the tables keeps them: Citus acts as the owner to change and to move shards.
    """
    counted = {}
    for server in (COORDINATOR, *WORKERS):
        needed = NEEDED if server == COORDINATOR else (*NEEDED, *NEEDED_ON_WORKERS)
        with cluster.connect(server, autocommit=True) as node:
            node.execute("set citus.enable_ddl_propagation = off")
            found = node.execute(_EXTENSION_FUNCTIONS, [list(needed)]).fetchall()
            for (name,) in found:
                node.execute(
                    f"revoke execute on routine {name} from public;"
                    f"grant execute on routine {name} to theseller_owner".encode()
                )
        counted[server] = len(found)
    return counted
