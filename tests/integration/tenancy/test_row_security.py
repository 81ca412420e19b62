"""The row filter can't be replaced from inside a statement.

No counter of a plan tells of one other tenant.

The planner puts equalities on one column into an equivalence class and compares each row with one
member of it. Each attack below offers a member of its own and changes what that means between
the check of the ticket and the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from tests.cast import NOON, Cast, create_cast
from tests.database import role_dsn, test_server
from tests.integration.tenancy.shops import fill
from tests.sabotage.databases import own_database

from theseller.crypto.hmac_and_tenant_ticket import tenant_ticket
from theseller.datamap.grant_statements import grant_statements
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.postgres.role_setup import apply_grants
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import read_session

Connection = psycopg.Connection[tuple[object, ...]]
KEY = Secret("one-key-for-all-databases-of-this-test-session")
#: How many products the attacked shop has: a number that no plan may show.
VICTIMS = 257
OWN = 11
# Orders of plan: whatever path the planner would take by itself, each other one is tried too.
PLANS = {
    "default": (),
    "sequential": ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"),
    "index": ("enable_seqscan", "enable_bitmapscan"),
    "bitmap": ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"),
    "no pruning": ("enable_partition_pruning", "enable_seqscan"),
}
TABLES = ("ingest_product", "ingest_order_line")

#: `{t}` the table, `{a}` the attacked shop, `{c}` the attacker's own. The setting x.y is the
#: attacker's own shop at the beginning.
TO_VICTIM = "set_config('x.y', '{a}', true)"
TO_OWN = "set_config('x.y', '{c}', true)"
SETTING = "current_setting('x.y')::uuid"
ATTACKS = {
    "no predicate, old setting": "select p.* from {t} p where set_config('theseller.tenant',"
        " '{a}', true) is not null",
    "literal": "select * from {t} where tenant_id = '{a}'",
    "setting": f"select * from {{t}} p where p.tenant_id = {SETTING} and {TO_VICTIM} is not null",
    "setting, changed by the target list": f"select {TO_VICTIM}, p.* from {{t}} p where"
        f" p.tenant_id = {SETTING}",
    "setting, changed for one key of the index and back for the next": (
        f"select p.* from (select {TO_VICTIM} s offset 0) v, {{t}} p where p.tenant_id = {SETTING}"
        f" and p.connection_id is not null and p.sku >= (select substr({TO_OWN}, 1, 0)) and v.s is"
        f" not null"
    ),
    "sub-select": f"select p.* from {{t}} p where p.tenant_id = (select {SETTING}) and {TO_VICTIM}"
        f" is not null",
    "correlated sub-select": (
        f"select p.* from generate_series(1, 3) i, lateral (select * from {{t}} p where"
        f" p.tenant_id = (select {SETTING} where i > 0)"
        f" and {TO_VICTIM} is not null offset 0) p"
    ),
    "lateral": f"select p.* from (values (1)) v(i), lateral (select {SETTING} as x) l, {{t}} p"
        f" where p.tenant_id = l.x and {TO_VICTIM} is not null",
    "join": "select p.* from (values ('{a}'::uuid), ('{c}')) v(x) join {t} p on p.tenant_id = v.x",
    "stable function": "select p.* from {t} p where p.tenant_id = pg_temp.stable() and "
        + TO_VICTIM + " is not null",
    "stable function that lies": "select p.* from {t} p where p.tenant_id = pg_temp.turns()",
    "immutable function that lies": "select p.* from {t} p where p.tenant_id = pg_temp.constant()"
        " and " + TO_VICTIM + " is not null",
    "any": f"select * from {{t}} p where p.tenant_id = any (array[{SETTING}, '{{a}}']) and"
        f" {TO_VICTIM} is not null",
    "or": f"select * from {{t}} p where p.tenant_id = {SETTING} or p.tenant_id = '{{a}}' or"
        f" {TO_VICTIM} is null",
    "row comparison": "select * from {t} p where (p.tenant_id, p.sku) >= ('{a}'::uuid, '') and"
        " (p.tenant_id, p.sku) < ('{a}'::uuid, 'zzzz')",
    "sample": f"select * from {{t}} p tablesample system (case when {TO_VICTIM} is null then 0"
        f" else 100 end) where p.tenant_id = {SETTING}",
    "system columns": "select p.ctid, p.* from {t} p where ctid = any (array(select ('(0,'"
        " || i || ')')::tid from generate_series(1, 300) i))",
    "not materialized": f"with c as not materialized (select * from {{t}}) select * from c where"
        f" tenant_id = {SETTING} and {TO_VICTIM} is not null",
    "self-join": f"select a.* from {{t}} a join {{t}} b using (tenant_id, sku) where a.tenant_id ="
        f" {SETTING} and {TO_VICTIM} is not null",
    "ticket emptied in the middle": (
        "select p.* from {t} p where p.tenant_id = '{a}' or set_config('theseller.ticket', '',"
        " true) is not null"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(database: str) -> Cast:
    """Give shops with products and order lines.

    The attacked one has 257 of each, the attacker 11, and others in every partition by tenant.

    The total of a partition is no secret (pg_class tells it to everyone), so no partition may hold
    the attacked shop alone.
    """
    cast = create_cast()
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        for shop, count in ((cast.alices_shop, VICTIMS), (cast.charlies_shop, OWN)):
            fill(superuser, shop, count)
        reached: set[object] = set()
        while len(reached) < 4:
            bystander = create_tenant(name="Another shop", actor="process:test", at=NOON)
            fill(superuser, bystander, 100)
            reached |= set(
                superuser.execute(
                    "select tableoid from ingest_order_line where tenant_id = %s", [bystander]
                ).fetchall()
            )
        superuser.execute("analyze ingest_product, ingest_order_line")
    return cast


@pytest.fixture(scope="module")
def temporary(database: str) -> Iterator[None]:
    """Let the roles make temporary functions meanwhile."""
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            f"grant temporary on database {database} to theseller_web, theseller_worker,"
            " theseller_retention"
        )
        yield
        superuser.execute(
            f"revoke temporary on database {database} from theseller_web, theseller_worker,"
            " theseller_retention"
        )


@pytest.fixture(params=["web", "worker", "retention"])
def attacker(
    request: pytest.FixtureRequest, database: str, world: Cast, temporary: None
) -> Iterator[Connection]:
    """Return a connection with the attacker's own ticket.

    It has functions of the attacker's, where the role may make any.
    """
    with psycopg.connect(role_dsn(request.param, database)) as connection:
        yield connection
        connection.rollback()


def _begin(connection: Connection, cast: Cast) -> None:
    connection.rollback()
    # the machine's own clock is what the ticket is compared with
    until = datetime.now(UTC) + timedelta(minutes=10)  # noqa: TID251
    ticket = tenant_ticket(KEY, cast.charlies_shop, read_session(connection), until)
    connection.execute(
        "select set_config('theseller.ticket', %s, true), set_config('theseller.tenant', %s, true),"
        " set_config('x.y', %s, true)",
        [ticket, str(cast.charlies_shop), str(cast.charlies_shop)],
    )


def _functions(connection: Connection, cast: Cast) -> None:
    """Make the attacker's functions, as a role with TEMPORARY could.

    No serving role has it, which is another line of defense.
    """
    shops = (
        f"case when current_setting('x.y') = '{cast.alices_shop}' then '{cast.charlies_shop}' else"
        f" '{cast.alices_shop}' end"
    )
    for name, kind, body in (
        ("stable", "stable", "begin return current_setting('x.y')::uuid; end"),
        ("constant", "immutable", "begin return current_setting('x.y')::uuid; end"),
        (
            "turns",
            "stable",
            (
                f"begin perform set_config('x.y', {shops}, true); return"
                " current_setting('x.y')::uuid; end"
            ),
        ),
    ):
        connection.execute(
            f"create function pg_temp.{name}() returns uuid language plpgsql {kind} as $f$"
            f" {body} $f$"
        )


@pytest.mark.parametrize("attack", ATTACKS)
def test_queries_reveal_no_row_or_row_count_of_another_shop(
    attack: str, attacker: Connection, world: Cast
) -> None:
    for table in TABLES:
        for plan, switches in PLANS.items():
            _begin(attacker, world)
            if "pg_temp." in ATTACKS[attack]:
                _functions(attacker, world)
            for switch in switches:
                attacker.execute(f"set local {switch} = off")
            statement = ATTACKS[attack].format(t=table, a=world.alices_shop, c=world.charlies_shop)
            with attacker.transaction(force_rollback=True):
                rows = attacker.execute(statement).fetchall()
            assert not [row for row in rows if _is_row_of(row, world.alices_shop)], (table, plan)
            attacker.execute("select set_config('x.y', %s, true)", [str(world.charlies_shop)])
            lines = "\n".join(
                str(line)
                for (line,) in attacker.execute(
                    "explain (analyze, buffers off, costs off, timing off, summary off) "
                    + statement
                ).fetchall()
            )
            assert str(VICTIMS) not in re.findall(r"\d+", lines), (table, plan, lines)


def _is_row_of(row: tuple[object, ...], tenant: UUID) -> bool:
    # The first value may be the attacker's own set_config.
    return tenant in row


@pytest.mark.parametrize("table", TABLES)
def test_deletion_updates_and_merges_reach_own_rows_only(
    table: str, attacker: Connection, world: Cast, database: str
) -> None:
    changed = 0
    for statement in (
        f"delete from {table} where {TO_VICTIM} is not null and tenant_id = {SETTING}",
        (
            f"delete from {table} using (select {TO_VICTIM} s offset 0) v where tenant_id ="
            f" {SETTING} and v.s is not null"
        ),
        (
            f"update {table} set sku = 'stolen' || sku where {TO_VICTIM} is not null and tenant_id"
            f" = {SETTING}"
        ),
        (
            f"update {table} set tenant_id = '{{c}}', sku = 'stolen' || sku where tenant_id ="
            f" {SETTING} and {TO_VICTIM} is not null"
        ),
        f"update {table} set tenant_id = '{{a}}', sku = 'given' || sku",
        (
            f"insert into {table} select p.* from {table} p where p.tenant_id = {SETTING} and"
            f" {TO_VICTIM} is not null on conflict do nothing"
        ),
        (
            f"merge into {table} t using (select {TO_VICTIM} s) v on t.tenant_id = {SETTING} when"
            " matched then delete"
        ),
    ):
        _begin(attacker, world)
        try:
            with attacker.transaction(force_rollback=True):
                done = attacker.execute(
                    statement.format(a=world.alices_shop, c=world.charlies_shop)
                ).rowcount
                assert done <= OWN, statement
                changed += 1
        except psycopg.errors.InsufficientPrivilege:
            pass
    assert changed or attacker.info.user == "theseller_retention"
    attacker.rollback()
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        counted = superuser.execute(
            f"select count(*) from {table} where tenant_id = %s", [world.alices_shop]
        ).fetchone()
    assert counted == (VICTIMS,)


def test_insert_error_does_not_reveal_a_key_of_another_shop(
    attacker: Connection, world: Cast
) -> None:
    """Insert a key that another shop has, and one that it hasn't: the refusals are equal.

    They come before the unique index is read.
    """
    if attacker.info.user == "theseller_retention":
        return  # this role may insert no product
    answers = set()
    for sku in ("S-1", "S-none"):
        for conflict in (
            "",
            " on conflict do nothing",
            " on conflict (tenant_id, marketplace_id, sku) do update set title = 'x'",
        ):
            _begin(attacker, world)
            with pytest.raises(psycopg.Error) as refused:
                attacker.execute(
                    "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id,"
                    " asin, title, updated_at) values (%s, 'US', %s, %s, 'B', 't',"
                    f" now()){conflict}",
                    [world.alices_shop, sku, new_id()],
                )
            answers.add(
                (
                    refused.value.sqlstate,
                    refused.value.diag.message_primary,
                    refused.value.diag.message_detail,
                )
            )
    assert len({(state, detail) for state, _message, detail in answers}) == 1
    assert {state for state, _message, _detail in answers} == {"42501"}
    assert all(
        "row-level security policy" in str(message) and "S-" not in str(message)
        for _state, message, _detail in answers
    )


#: Before 17 the planner leaves the policy's condition out of a scan of these, tenant in it or not
#: (tenancy/sql/conditions.sql).
_WITHOUT_TENANT = {
    "accounts_membership_person",
    "governance_access_session_operator",
    "ingest_stream_due",
    "pii.recipient_expires_on",
    "vault_request_open",
}


def test_the_tenant_is_a_key_column_of_every_index(database: str) -> None:
    """Check every index.

    One without the tenant could be scanned by a condition of the attacker's alone, and a counter
    would tell how many rows met it.
    """
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        others = superuser.execute(
            "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid ="
            " i.indrelid where c.relrowsecurity and not (select a.attnum from pg_attribute a where"
            " a.attrelid = c.oid and a.attname = case c.relname when 'tenancy_tenant' then 'id'"
            " else 'tenant_id' end) = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])"
        ).fetchall()
        version = superuser.info.server_version
    assert {name for (name,) in others} == (set() if version >= 170_000 else _WITHOUT_TENANT)


def test_a_database_that_moved_to_another_version_gets_the_indexes_of_that_version() -> None:
    """Migrate a database with indexes of another version.

    pg_upgrade and a dump bring the indexes of the version before; `theseller migrate` applies
    grants.sql each time.
    """
    definitions = (
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where"
        " indexrelid = any (%s::regclass[]) order by 1"
    )
    with (
        own_database("moved") as name,
        psycopg.connect(test_server().superuser_dsn(name), autocommit=True) as superuser,
    ):
        before = superuser.execute(definitions, [sorted(_WITHOUT_TENANT)]).fetchall()
        for index, definition in before:
            other = (
                definition.replace(", tenant_id)", ")")
                if ", tenant_id)" in definition
                else re.sub(r"(btree [(][^)]*)", r"\1, tenant_id", definition)
            )
            superuser.execute(f"drop index {index}".encode())
            superuser.execute(other.encode())
        assert not set(before) & set(
            superuser.execute(definitions, [sorted(_WITHOUT_TENANT)]).fetchall()
        )
        apply_grants(superuser, grant_statements())
        assert superuser.execute(definitions, [sorted(_WITHOUT_TENANT)]).fetchall() == before


def test_tenant_ticket_is_a_parameter_and_not_in_pg_stat_activity(
    database: str, world: Cast
) -> None:
    from django.db import connections

    from theseller.tenancy.tenant_scope import tenant_scope

    with (
        tenant_scope(world.charlies_shop),
        psycopg.connect(test_server().superuser_dsn(database)) as superuser,
    ):
        # The scope's own statement is the last that this connection ran.
        pid = connections["default"].connection.info.backend_pid
        row = superuser.execute(
            "select query from pg_stat_activity where pid = %s", [pid]
        ).fetchone()
    assert row == ("select set_config('theseller.ticket', $1, true)",)


def test_planner_estimates_do_not_reveal_another_shop(database: str, world: Cast) -> None:
    """Compare estimates of a shop that exists and one that doesn't: they are equal.

    There are no statistics of values, in new partitions and after ANALYZE neither.
    """
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("select guard.ensure_months(date '2031-01-01', date '2031-01-02')")
        superuser.execute("analyze")
        kept = superuser.execute(
            "select starelid::regclass::text, staattnum from pg_statistic s join pg_class c on"
            " c.oid = s.starelid where c.relrowsecurity union all select"
            " indexrelid::regclass::text, staattnum from pg_statistic s join pg_index i on"
            " i.indexrelid = s.starelid join pg_class c on c.oid = i.indrelid where"
            " c.relrowsecurity"
        ).fetchall()
    assert kept == []
    with psycopg.connect(role_dsn("web", database)) as connection:
        for table, column, values in (
            ("ingest_product", "tenant_id", (world.alices_shop, new_id())),
            ("ingest_product", "sku", ("S-200", "zzzz")),
            ("tenancy_tenant", "id", (world.alices_shop, new_id())),
        ):  # fmt: skip
            estimates = []
            for value in values:
                _begin(connection, world)
                lines = connection.execute(
                    f"explain select from {table} where {column} = '{value}'"
                ).fetchall()
                estimates.append(
                    re.findall(r"cost=\S+ rows=\d+", "\n".join(str(line) for (line,) in lines))
                )
            assert estimates[0] == estimates[1], (table, column)
