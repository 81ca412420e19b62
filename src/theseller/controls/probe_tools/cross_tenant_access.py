"""Try to reach another shop's rows as the application's own roles do.

It also reads query plans for the check of each row. Two rows in `guard.isolation_probe` belong to
no shop. Each role must see the one that its ticket names and must not reach the other, so that
every run has a row to find and a row to miss, on a deployment without shops too.

Nothing is changed: what an attempt would have changed is rolled back, and it names one row at most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, transaction
from django.db import connections as databases

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.crypto.hmac_and_tenant_ticket import tenant_ticket
from theseller.datamap.table_registry import descriptors
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import read_session, set_ticket, tenant_scope

#: Connections that serve a shop. A process has those that it needs; which were tried is in the
#: evidence.
TENANT_CONNECTIONS = ("web", "retention", "pii")
#: The probe's own rows: a table with nothing else in it, and the ids of no shop that its two rows
#: belong to (`tenancy/sql`).
PROBE_TABLE = "guard.isolation_probe"
OWN, OTHER = (
    UUID("00000000-0000-7000-8000-00000000000a"),
    UUID("00000000-0000-7000-8000-00000000000b"),
)
#: Expressions for a tenant that change in the middle of a statement: `{own}` before, `{victim}`
#: after. Each is offered to the planner as the row's.
_TO_VICTIM = "set_config('theseller.attempt', '{victim}', true)"
_SETTING = "current_setting('theseller.attempt')::uuid"
_SWITCHES = {
    "a setting": f"{{column}} = {_SETTING} and {_TO_VICTIM} is not null",
    "a sub-select": f"{{column}} = (select {_SETTING}) and {_TO_VICTIM} is not null",
    "the setting of earlier versions": (
        "set_config('theseller.tenant', '{victim}', true) is not null"
    ),
    "a value of the statement": "{column} = '{victim}'",
}
_TICKET = r"(?:\$\d+|\(InitPlan \d+\)\.col1)"
#: Both forms of the second policy (`guard.protect`).
_PER_ROW = re.compile(
    rf"CASE WHEN \((?:\w+\.)?(?:tenant_id|id) = {_TICKET}\) THEN true ELSE false END"
    rf"|NOT \(JSON_OBJECT\((?:\w+\.)?(?:tenant_id|id) : 1, {_TICKET} : 1 RETURNING json\) IS JSON"
    r" WITH UNIQUE KEYS\)"
)
_REFUSED = "42501"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its method, and the problem that it found.

    `problem` is empty if it was refused or reached nothing. `blind` says why the attempts of a role
    prove nothing: it did not see what its ticket lets it see.
    """

    method: str
    problem: str = ""
    blind: str = ""


def connections(context: ProbeContext) -> list[str]:
    """Return the connections that this process has of those that serve a shop."""
    return [
        using
        for using in dict.fromkeys((context.application, *TENANT_CONNECTIONS))
        if using in databases.settings
    ]


def role_of(using: str) -> str:
    """Return the database role that signs in on connection `using`."""
    return str(databases.settings[using]["USER"])


def attempts(context: ProbeContext, victim: UUID | None) -> Iterator[Attempt]:
    """Yield every attempt on the probe's rows and on the shop `victim`.

    Every table with rows of that shop, if there is one. What the victim's own scope shows can be
    reached.
    """
    for using in connections(context):
        yield from _on_own_rows(context, using)
        if victim is not None:
            yield from _on_tenant_tables(context, using, victim)


def _on_own_rows(context: ProbeContext, using: str) -> Iterator[Attempt]:
    with tenant_scope(OTHER, using=using):
        there = _number(
            using,
            f"select count(*) from {PROBE_TABLE} where tenant_id = '{OTHER}'",  # noqa: S608
        )
    with tenant_scope(OWN, using=using):
        seen = _number(
            using,
            f"select count(*) from {PROBE_TABLE} where tenant_id = '{OWN}'",  # noqa: S608
        )
        foreign = _number(using, f"select count(*) from {PROBE_TABLE}") - seen  # noqa: S608
        yield Attempt(
            "what a ticket shows",
            f"The ticket of one shop showed {foreign} row(s) of another." if foreign else "",
        )
        if not (there and seen):
            yield Attempt(
                "what a ticket shows",
                blind=(
                    f"The probe did not see its own two rows as {role_of(using)}, so it proves"
                    " nothing."
                ),
            )
            return
    own = new_id()
    with tenant_scope(own, using=using):
        yield _plan(using, PROBE_TABLE, "tenant_id")
        yield from _mid_statement(using, PROBE_TABLE, "tenant_id", own, OTHER)
    yield from _without_a_ticket(context, using, PROBE_TABLE, "tenant_id", OTHER)
    yield _condition_before_policies(using)


def _condition_before_policies(using: str) -> Attempt:
    """Query without a ticket, with a condition that has no planner cost.

    No row meets it. If the policies are evaluated first, they raise an error. If not, the condition
    is evaluated first, and such conditions reveal other shops' rows.
    """
    with transaction.atomic(using=using), databases[using].cursor() as cursor:
        cursor.execute("set local enable_indexscan = off; set local enable_bitmapscan = off")
        cursor.execute("set local enable_indexonlyscan = off")
        try:
            with transaction.atomic(using=using):
                cursor.execute(f"select from {PROBE_TABLE} where (tenant_id is null) is unknown")
        except DatabaseError as refusal:
            if getattr(refusal.__cause__, "sqlstate", None) != _REFUSED:
                raise
            return Attempt("a condition before the policies")
    return Attempt(
        "a condition before the policies",
        "A condition of a statement is evaluated before the policies.",
    )


def _on_tenant_tables(context: ProbeContext, using: str, victim: UUID) -> Iterator[Attempt]:
    reachable = [
        (one.table, one.tenant_column)
        for one in descriptors()
        if one.tenant_column and _has_privilege(using, one.table, "select")
    ]
    occupied = []
    with tenant_scope(victim, using=using):
        for table, column in reachable:
            rows = f"select from {_qualified(table)} limit 1"
            if _number(using, f"select count(*) from ({rows}) seen"):  # noqa: S608
                occupied.append((table, column))
    for table, column in occupied:
        yield from _without_a_ticket(context, using, table, column, victim)
    own = new_id()
    with tenant_scope(own, using=using):
        for table, column in reachable:
            yield _plan(using, table, column)
        for table, column in occupied:
            yield from _mid_statement(using, table, column, own, victim)


def _without_a_ticket(
    context: ProbeContext, using: str, table: str, column: str, victim: UUID
) -> Iterator[Attempt]:
    rows = f"select from {_qualified(table)} where {column} = '{victim}' limit 1000"
    count = f"select count(*) from ({rows}) seen"  # noqa: S608
    for method in ("no scope", "forged ticket"):
        with transaction.atomic(using=using):
            if method == "forged ticket":
                connection = databases[using]
                connection.ensure_connection()
                session = read_session(connection.connection)
                forged = Secret("a guess at the key of this deployment")
                set_ticket(
                    connection.connection,
                    tenant_ticket(forged, victim, session, context.at + timedelta(minutes=1)),
                )
            seen = _rows_reached(using, count)
        yield Attempt(
            f"{method} on {table}",
            f"{seen} row(s) of {table} were seen with {method}." if seen else "",
        )


def _mid_statement(
    using: str, table: str, column: str, own: UUID, victim: UUID
) -> Iterator[Attempt]:
    """Change each kind of value in the middle of a statement.

    With each verb that the role may use.
    """
    names = {"own": own, "victim": victim, "column": column}
    for what, condition in _SWITCHES.items():
        where, target = condition.format(**names), _qualified(table)
        rows = f"select from {target} where {where} limit 1000"
        first = f"select ctid from {target} where {where} limit 1"  # noqa: S608
        one_row = f"ctid = any (array({first}))"
        for verb, statement in (
            (
                "select",
                f"select count(*) from ({rows}) seen",  # noqa: S608
            ),
            (
                "delete",
                f"delete from {target} where {one_row} and {where}",  # noqa: S608
            ),
            (
                "update",
                (
                    f"update {target} set {column} = {column}"  # noqa: S608
                    f" where {one_row} and {where}"
                ),
            ),
        ):
            if verb != "select" and not _has_privilege(using, table, verb):
                continue
            with transaction.atomic(using=using):
                sql_execution.execute(
                    databases[using], "select set_config('theseller.attempt', %s, true)", [str(own)]
                )
                reached = _rows_reached(using, statement)
                transaction.set_rollback(True, using=using)
            yield Attempt(
                f"{what} changed in the middle of a {verb} on {table}",
                (
                    f"{reached} row(s) of {table} were reached by a {verb} in which {what} changed."
                    if reached
                    else ""
                ),
            )
    if _has_privilege(using, table, "insert"):
        reached = _inserted(using, table, victim, column)
        yield Attempt(
            f"insert for another shop into {table}",
            f"A row of another shop was added to {table}." if reached else "",
        )


def _inserted(using: str, table: str, victim: UUID, column: str) -> int:
    # Only the tenant is given, and the day that selects a partition: the policy is checked before
    # any constraint, so an error about a missing value means that the policy accepted the row. An
    # error about a missing partition comes before the policy: the row was stored nowhere.
    with transaction.atomic(using=using):
        try:
            with transaction.atomic(using=using):
                names, values = (
                    (f"{column}, local_day", "%s, current_date")
                    if sql_execution.value(
                        databases[using],
                        "select exists (select from pg_attribute where attrelid = %s::regclass and"
                        " attname = 'local_day')",
                        [_qualified(table)],
                    )
                    else (column, "%s")
                )
                sql_execution.execute(
                    databases[using],
                    f"insert into {_qualified(table)} ({names}) values ({values})",  # noqa: S608
                    [victim],
                )
            reached = 1
        except DatabaseError as refusal:
            cause = refusal.__cause__
            without_partition = (
                isinstance(cause, psycopg.errors.CheckViolation)
                and cause.diag.constraint_name is None
            )
            reached = 0 if without_partition or getattr(cause, "sqlstate", None) == _REFUSED else 1
        transaction.set_rollback(True, using=using)
    return reached


def _plan(using: str, table: str, column: str) -> Attempt:
    """Check that each scan of a plan filters by the ticket.

    The statement compares the column with a value of its own, too.
    """
    where = (
        f"{column} = coalesce(nullif(current_setting('theseller.attempt', true), ''),"
        " gen_random_uuid()::text)::uuid"
    )
    found = sql_execution.value(
        databases[using], f"explain (format json) select from {_qualified(table)} where {where}"
    )
    plans = json.loads(found) if isinstance(found, str) else found
    bare = [
        node
        for node in _scans(plans[0]["Plan"])
        if not _PER_ROW.search(" ".join(str(node.get("Filter", "")).split()))
    ]
    return Attempt(
        f"the plan of {table}",
        f"A plan reads {table} without comparing each row with the ticket." if bare else "",
    )


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in node:
        yield node
    for child in node.get("Plans", ()):
        yield from _scans(child)


def _rows_reached(using: str, statement: str) -> int:
    """Return how many rows a statement reached; 0 if it was refused.

    Another error is raised: it proves nothing.
    """
    try:
        with transaction.atomic(using=using), databases[using].cursor() as cursor:
            cursor.execute(statement)
            return (
                int(cursor.fetchone()[0])
                if statement.startswith("select")
                else max(cursor.rowcount, 0)
            )
    except DatabaseError as refusal:
        if getattr(refusal.__cause__, "sqlstate", None) != _REFUSED:
            raise
        return 0


def _number(using: str, statement: str) -> int:
    return int(sql_execution.value(databases[using], statement))


def _has_privilege(using: str, table: str, verb: str) -> bool:
    # A role without the schema has no right to its tables, and PostgreSQL refuses to be asked for
    # one by name. Who may select the position of rows may select all columns: with the whole
    # table or, in a database without a superuser, column by column.
    check = (
        "has_column_privilege(%s, 'ctid', %s)"
        if verb == "select"
        else "has_table_privilege(%s, %s)"
    )
    return bool(
        sql_execution.value(
            databases[using],
            f"select case when has_schema_privilege(%s, 'usage') then {check} else false end",
            [_qualified(table).split(".")[0], _qualified(table), verb],
        )
    )


def _qualified(table: str) -> str:
    return table if "." in table else f"public.{table}"
