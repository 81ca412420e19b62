"""Random statements of an attacker who has SQL as one role and the ticket of one shop.

What comes back must hold nothing of another's.

A statement is a hit if what it answers (rows, errors, notices, plans, bytes of COPY) holds a value
that only another shop has, or the number of rows of that one shop. The grammar offers the planner
every kind of value that is constant for a while and changes each in the middle of the statement:
settings, sub-selects, parameters, lateral values, functions.

`tests/integration/tenancy/test_fuzz.py` runs it; a hundred thousand statements: `pytest -m
exhaustive tests/integration/tenancy/test_fuzz.py`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

import psycopg
from psycopg.types.string import TextLoader

from theseller.lib.ids import new_id

Connection = psycopg.Connection[tuple[object, ...]]
Database = Callable[[], Connection]

#: Functions that answer over all shops, reviewed and listed: `postgres/sql/grants.sql` says for
#: whom. What they answer is no hit.
LISTED = frozenset({
    "access_sessions", "access_to_review", "access_views", "certificate_of",
    "connections_of_seller", "deletion_requests", "dirty_tenants", "due_purges", "due_recipients",
    "due_shop_ends", "due_streams", "due_user_erasures", "end_by_link", "ended_access",
    "ended_authorisations", "ends", "failed_erasures", "fingerprint", "is_last_operator",
    "member_erasures", "open_access", "open_consents", "recipient_views", "refusals_since",
    "requested_recipients", "shops_of_person", "shops_without_another_owner", "tenants_of",
    "tenants_with_expired_facts", "unbegun_requests", "unplanned_connections",
})  # fmt: skip
#: Tables without row security, which name shops to the roles that serve (audit lines to none): ids
#: in the arguments of jobs.
UNSECURED = re.compile(r"\b(procrastinate_\w+|retention_end_\w+|accounts_user|django_session)\b")
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{9,}")
_NUMBER = re.compile(r"\d+")


@dataclass(slots=True)
class FuzzTarget:
    """What the attacker knows (names, ids) and what must not come back."""

    own: UUID
    victim: UUID
    #: A shop without a row.
    empty: UUID
    tables: dict[str, list[tuple[str, str]]]
    partitions: list[str]
    functions: list[str]
    canaries: frozenset[str]
    #: The number of rows of the attacked shop in each large table: no plan and no answer may say
    #: it.
    count: int


@dataclass(slots=True)
class FuzzResult:
    """What a run did."""

    statements: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    hits: list[tuple[str, str]] = field(default_factory=list)

    def report(self) -> str:
        """Return every hit in full."""
        return "\n".join(f"{statement}\n    {notice}" for statement, notice in self.hits)


class Grammar:
    """Statements from a seed."""

    def __init__(self, world: FuzzTarget, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)  # repeatable, not secret  # noqa: S311
        #: Whether the role can make functions of its own.
        self.functions = True

    def statement(self) -> str:
        """Return one statement."""
        kinds = (
            [self.select] * 8
            + [self.explain] * 5
            + [self.insert, self.update, self.delete, self.merge, self.copy, self.current_of]
            + [self.other] * 2
        )
        return self.chance.choice(kinds)()

    def table(self) -> str:
        """Return a table, sometimes a partition."""
        pick = self.chance.random()
        if pick < 0.1 and self.world.partitions:
            return self.chance.choice(self.world.partitions)
        return self.chance.choice(
            ["public.ingest_product", "public.ingest_order_line"]
            if pick < 0.4
            else list(self.world.tables)
        )

    def tenant_column(self, table: str) -> str:
        """Return the column that names the tenant."""
        return "id" if table.endswith("tenancy_tenant") else "tenant_id"

    def switch(self) -> str:
        """Return a condition that changes what a value means, or nothing."""
        to = self.chance.choice([self.world.victim, self.world.victim, self.world.own])
        name = self.chance.choice(["x.y", "x.y", "x.z", "theseller.tenant"])
        return self.chance.choice(
            [
                "true",
                f"set_config('{name}', '{to}', true) is not null",
                f"(select set_config('{name}', '{to}', true)) <> ''",
            ]
        )

    def value(self) -> str:
        """Return a tenant in one of the forms that the planner takes for a constant."""
        victim, own = self.world.victim, self.world.own
        value = self.chance.choice([
            "current_setting('x.y')::uuid", "current_setting('x.y')::uuid",
            "current_setting('x.z')::uuid", f"'{victim}'", f"'{own}'",
            "(select current_setting('x.y')::uuid)", f"(select '{victim}'::uuid)", "l.v",
            "pg_temp.stable()", "pg_temp.turns()",
            "(select current_setting('x.y')::uuid where l.v is not null)",
            f"case when current_setting('x.y') = '{own}' then '{own}'::uuid else '{victim}' end",
            f"coalesce(nullif(current_setting('x.y'), '')::uuid, '{victim}')",
        ])  # fmt: skip
        return (
            value if self.functions or "pg_temp." not in value else "current_setting('x.y')::uuid"
        )

    def condition(self, table: str, alias: str = "p") -> str:
        """Return a predicate on `alias`, mostly on the tenant."""
        column = f"{alias}.{self.tenant_column(table)}"
        key = self.chance.choice(
            [
                name
                for name, kind in self.world.tables.get(self._base(table), [("tenant_id", "uuid")])
                if kind == "text"
            ]
            or [""]
        )
        own = self.chance.choice([
            f"{column} = {self.value()}", f"{column} = {self.value()}",
            f"{self.value()} = {column}", f"{column} = any (array[{self.value()}, {self.value()}])",
            f"{column} in (select {self.value()})", f"{column} is not distinct from {self.value()}",
            f"{column} >= {self.value()}",
            f"({column}, {alias}.ctid) = ({self.value()}, '(0,1)'::tid)",
            f"{column} <> {self.value()}", f"{column}::text = {self.value()}::text",
            f"({column} = {self.value()} or {column} = {self.value()})",
            (f"{alias}.ctid = any (array(select format('(0,%s)', i)::tid from generate_series(1,"
            f" 200) i))"),
            f"{alias}.xmin::text <> '0'", f"length({alias}::text) > 3",
            f"pg_temp.tells({alias}::text)" if self.functions else f"{alias}::text like '%S-2%'",
        ])  # fmt: skip
        parts = [own, self.switch()]
        if key:
            parts.append(self.chance.choice([
                "true",
                (f"{alias}.{key} >= (select substr(set_config('x.y', '{self.world.own}', true), 1,"
                f" 0))"),
                f"{alias}.{key} >= 'S-1' and {alias}.{key} < 'S-9'", f"{alias}.{key} like 'S-2%'",
                f"{alias}.{key} = 'S-200'",
            ]))  # fmt: skip
        self.chance.shuffle(parts)
        return " and ".join(parts)

    def source(self) -> tuple[str, str]:
        """Return a from clause with the alias `p`, and the table behind it."""
        table = self.table()
        sample = self.chance.choice(
            ["", "", "", f" tablesample system (case when {self.switch()} then 100 else 0 end)"]
        )
        first = self.chance.choice([
            f"(values ({self.value_alone()})) l(v)", f"(select {self.value_alone()} v offset 0) l",
            (f"(select set_config('x.y', '{self.world.victim}', true) s, {self.value_alone()} v"
            f" offset 0) l"),
            (f"generate_series(1, 3) i, lateral (select {self.value_alone()} v where i > 0 offset"
            f" 0) l"),
        ])  # fmt: skip
        inner = self.chance.choice([
            f"{table} p{sample}", f"{table} p{sample}",
            f"lateral (select * from {table} p where {self.condition(table)} offset 0) p",
            f"(select * from {table} p{sample} offset 0) p",
        ])  # fmt: skip
        return f"{first}, {inner}", table

    def value_alone(self) -> str:
        """Return a value that refers to nothing before it."""
        value = self.value()
        return (
            f"'{self.world.victim}'::uuid"
            if "l.v" in value
            else (value if value[0] != "'" else f"{value}::uuid")
        )

    def columns(self) -> str:
        """Return a target list."""
        return self.chance.choice([
            "p.*", "p::text", "count(*)", "to_jsonb(p)", "p.ctid, p.tableoid",
            f"set_config('x.y', '{self.world.victim}', true), p.*", "string_agg(p::text, ',')",
            "max(p::text)", "exists (select from tenancy_tenant t where t.id = p.tenant_id), p.*",
        ])  # fmt: skip

    def select(self) -> str:
        """Return a query."""
        source, table = self.source()
        text = f"select {self.columns()} from {source} where {self.condition(table)}"
        pick = self.chance.random()
        if pick < 0.1:
            return (
                f"with c as {self.chance.choice(['', 'materialized', 'not materialized'])} ({text})"
                " select * from c"
            )
        if pick < 0.15:
            return f"{text} union all {self.select()}"
        if pick < 0.2:
            other = self.table()
            return (
                f"select {self.columns()} from {source} join {other} q on"
                f" q.{self.tenant_column(other)} = p.{self.tenant_column(table)} where"
                f" {self.condition(table)}"
            )
        if pick < 0.25:
            return (
                f"prepare f(uuid) as select p.* from {table} p where p.{self.tenant_column(table)}"
                f" = $1 and {self.switch()}; execute f('{self.world.victim}')"
            )
        return text + self.chance.choice(["", "", " limit 5", " order by 1", " for update"])

    def explain(self) -> str:
        """Return the plan of another statement, its counters above all."""
        inner = self.chance.choice(
            [
                self.select,
                self.select,
                self.keyed,
                self.keyed,
                self.update,
                self.delete,
                self.insert,
            ]
        )()
        options = self.chance.choice(
            [
                "analyze, costs off, timing off, buffers off",
                "analyze, verbose",
                "costs on",
                "analyze, format json, buffers off",
            ]
        )
        return f"explain ({options}) {inner}" if not inner.startswith("prepare") else inner

    def keyed(self) -> str:
        """Return a scan of an index whose keys are evaluated one after the other, with a change between them."""
        table = self.chance.choice(["public.ingest_product", "public.ingest_order_line"])
        key = (
            "marketplace_id = 'US' and p.sku"
            if table.endswith("product")
            else self.chance.choice(["local_day = current_date and p.order_id", "order_id"])
        )
        tenant = self.chance.choice(["current_setting('x.y')::uuid", self.value()])
        back = self.chance.choice([self.world.own, self.world.own, self.world.victim])
        return (
            f"select {self.columns()} from (select set_config('x.y', '{self.world.victim}', true)"
            f" s, '{self.world.victim}'::uuid v offset 0) l, {table} p where p.tenant_id = {tenant}"
            f" and l.s is not null and p.{key} >= (select substr(set_config('x.y', '{back}', true),"
            " 1, 0))"
        )

    def insert(self) -> str:
        """Return an insert: copies, keys that exist, conflicts."""
        table = self._base(self.table())
        conflict = self.chance.choice(["", " on conflict do nothing", ""])
        returning = self.chance.choice(["", " returning *"])
        if self.chance.random() < 0.5:
            return (
                f"insert into {table} select p.* from {table} p, (values"
                f" ('{self.world.victim}'::uuid)) l(v) where"
                f" {self.condition(table)}{conflict}{returning}"
            )
        names = [name for name, kind in self.world.tables.get(table, []) if kind == "text"][:3]
        listed = ", ".join([self.tenant_column(table), *names])
        values = ", ".join([f"'{self.world.victim}'", *["'S-200'"] * len(names)])
        return f"insert into {table} ({listed}) values ({values}){conflict}{returning}"

    def update(self) -> str:
        """Return an update that keeps, takes or gives rows."""
        table = self._base(self.table())
        to = self.chance.choice(
            [self.tenant_column(table), f"'{self.world.own}'", f"'{self.world.victim}'"]
        )
        return (
            f"update {table} p set {self.tenant_column(table)} = {to} from (select"
            f" set_config('x.y', '{self.world.victim}', true) s, '{self.world.victim}'::uuid v"
            " offset 0) l where"
            f" {self.condition(table)}{self.chance.choice(['', ' returning p.*'])}"
        )

    def delete(self) -> str:
        """Return a deletion."""
        table = self._base(self.table())
        return (
            f"delete from {table} p using (select '{self.world.victim}'::uuid v offset 0) l where"
            f" {self.condition(table)}{self.chance.choice(['', ' returning p.*'])}"
        )

    def merge(self) -> str:
        """Return a merge."""
        table = self._base(self.table())
        act = self.chance.choice(
            ["delete", f"update set {self.tenant_column(table)} = '{self.world.own}'", "do nothing"]
        )
        return (
            f"merge into {table} p using (select {self.value_alone()} v) l on"
            f" {self.condition(table)} when matched then {act}"
        )

    def current_of(self) -> str:
        """Return a change of the row that a cursor is at, with a change of values between."""
        table = self._base(self.table())
        column = self.tenant_column(table)
        query = (
            f"select * from {table} p where {column} ="
            f" {self.value_alone()}{self.chance.choice(['', ' for update'])}"
        )
        to = self.chance.choice([f"'{self.world.own}'", f"'{self.world.victim}'", column])
        changed = self.chance.choice(
            [f"delete from {table}", f"update {table} set {column} = {to}"]
        )
        return (
            f"declare c cursor for {query}; fetch 3 from c; select {self.switch()}; {changed} where"
            " current of c returning *; fetch all from c"
        )

    def copy(self) -> str:
        """Return a COPY of a query or a table."""
        return self.chance.choice(
            [f"copy ({self.select().split(';')[0]}) to stdout", f"copy {self.table()} to stdout"]
        )

    def other(self) -> str:
        """Return a look at the catalogue, at statistics, a temporary object, a function."""
        table, victim = self.table(), self.world.victim
        return self.chance.choice([
            f"select * from pg_stats where tablename = '{table.split('.')[-1]}'",
            "select * from pg_stat_activity", "select * from pg_statistic",
            "select * from pg_stats_ext", "select * from pg_prepared_statements",
            "select * from pg_cursors", "select * from guard.ticket_key",
            "select query from pg_stat_activity where pid <> pg_backend_pid()",
            f"create temporary view v as select * from {table}; select * from v",
            f"create temporary table t as select * from {table}; select * from t",
            f"declare c cursor with hold for {self.select().split(';')[0]}; fetch all c",
            f"explain select from {table} p where p.{self.tenant_column(table)} = '{victim}'",
            f"explain select from {table} p where p::text >= 'S-2'",
            f"set local row_security = off; select * from {table}",
            f"set local role theseller_probe; select * from {table}",
            f"select guard.{self.chance.choice(self.world.functions)}",
            f"select * from guard.{self.chance.choice(self.world.functions)}",
            (f"set local plan_cache_mode = force_generic_plan; prepare g(uuid) as select * from"
            f" {table} p where p.{self.tenant_column(table)} = $1; execute g('{victim}')"),
            (f"select set_config('theseller.ticket', replace(current_setting('theseller.ticket'),"
            f" '{self.world.own}', '{victim}'), true); select * from {table}"),
            f"lock table {table}", f"select currtid2('{table}', '(0,1)'), p.* from {table} p",
            f"select query_to_xml('select * from {table}', true, true, '')",
            f"select table_to_xml('{table}', true, true, '')",
            f"select ts_stat('select to_tsvector(p::text) from {table} p')",
        ])  # fmt: skip

    def _base(self, table: str) -> str:
        return table if table in self.world.tables else "public.ingest_order_line"


_FUNCTIONS = """
create function pg_temp.tells(t text) returns boolean language plpgsql cost 0.0000001 as $f$
  begin raise notice 'SEEN %', t; return true; end $f$;
create function pg_temp.stable() returns uuid language plpgsql stable as $f$
  begin return current_setting('x.y')::uuid; end $f$;
create function pg_temp.turns() returns uuid language plpgsql stable as $f$ begin
  perform set_config('x.y',
    case when current_setting('x.y') = '{own}' then '{victim}' else '{own}' end, true);
  return current_setting('x.y')::uuid; end $f$;
"""
SWITCHES = (
    "enable_seqscan",
    "enable_indexscan",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_partition_pruning",
    "enable_material",
    "enable_memoize",
    "enable_indexonlyscan",
)


def attack(
    connect: Database,
    ticket: Callable[[Connection], str],
    world: FuzzTarget,
    *,
    seed: int,
    most: int,
    stop_at: int = 20,
) -> FuzzResult:
    """Run up to `most` statements, and stop after `stop_at` hits.

    `connect` opens the attacker's connection, `ticket` signs the attacker's own shop's ticket for
    it.
    """
    grammar, found = Grammar(world, seed), FuzzResult()
    connection: Connection | None = None
    own_ticket = ""
    said: list[str] = []
    while found.statements < most and len(found.hits) < stop_at:
        try:
            if connection is None or connection.closed or found.statements % 200 == 199:
                if connection is not None:
                    connection.close()
                connection = connect()
                connection.add_notice_handler(
                    lambda notice: said.append(f"{notice.message_primary} {notice.message_detail}")
                )
                connection.execute("set statement_timeout = '3s'; set lock_timeout = '300ms'")
                plans_as_text(connection)
                own_ticket = ticket(connection)
                connection.commit()
            _one(connection, own_ticket, grammar, world, found, said)
        except psycopg.OperationalError:
            connection = None
    if connection is not None:
        connection.close()
    return found


def plans_as_text(connection: Connection) -> None:
    """Let JSON come as text: PostgreSQL 18 writes some plans of a MERGE into partitions as broken JSON."""
    connection.adapters.register_loader("json", TextLoader)


def _one(
    connection: Connection,
    ticket: str,
    grammar: Grammar,
    world: FuzzTarget,
    found: FuzzResult,
    said: list[str],
) -> None:
    connection.rollback()
    connection.execute("select set_config('theseller.ticket', %s, true), set_config('x.y', %s,"
        " true), set_config('x.z', %s, true)",
                       [ticket, str(world.own), str(world.own)])  # fmt: skip
    try:
        with connection.transaction():
            connection.execute(_FUNCTIONS.format(own=world.own, victim=world.victim).encode())
    except psycopg.Error:
        grammar.functions = False
    for switch in grammar.chance.sample(SWITCHES, grammar.chance.choice([0, 0, 1, 2, 4])):
        connection.execute(f"set local {switch} = off".encode())
    statement = grammar.statement()
    found.statements += 1
    found.kinds[statement.split(maxsplit=1)[0]] += 1
    said.clear()
    text = _answer(connection, statement, found) + " ".join(said)
    if _tells(text, statement, world):
        found.hits.append((statement, text[:400]))


def _answer(connection: Connection, statement: str, found: FuzzResult) -> str:
    parts = []
    try:
        if statement.startswith("copy"):
            with connection.cursor().copy(statement.encode()) as copied:
                parts.append(b"".join(bytes(block) for block in copied).decode("utf-8", "replace"))
        else:
            cursor = connection.execute(statement.encode())
            while True:
                if cursor.description:
                    parts.append(str(cursor.fetchmany(500)))
                if not cursor.nextset():
                    break
        found.answered += 1
    except psycopg.Error as error:
        found.refused[str(error.sqlstate)] += 1
        parts.append(f"{error} {error.diag.message_detail} {error.diag.context}")
    return " ".join(parts)


def _tells(text: str, statement: str, world: FuzzTarget) -> bool:
    if UNSECURED.search(statement) or any(f"guard.{name}(" in statement for name in LISTED):
        return False
    if any(token in world.canaries and token not in statement for token in _TOKEN.findall(text)):
        return True
    return str(world.count) in _NUMBER.findall(text) and str(world.count) not in _NUMBER.findall(
        statement
    )


def read_target(superuser: Connection, *, own: UUID, victim: UUID, count: int) -> FuzzTarget:
    """Return what there is in the database of `superuser`.

    Tables, functions, and every value that only the attacked shop has.
    """
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in superuser.execute(
        "select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, null) from"
        " pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid ="
        " c.relnamespace where n.nspname in ('public', 'pii') and c.relkind in ('r', 'p') and not"
        " c.relispartition and c.relrowsecurity and a.attnum > 0 and not a.attisdropped order by 1,"
        " a.attnum"
    ).fetchall():
        tables.setdefault(str(table), []).append((str(column), str(kind)))
    partitions = _names(
        superuser,
        "select 'public.' || relname from pg_class where relispartition and relkind in ('r', 'p')"
        " order by relname limit 60",
    )
    functions = _names(
        superuser,
        "select p.proname || '(' || coalesce((select string_agg('null::' || format_type(t, null),"
        " ', ') from unnest(p.proargtypes) t), '') || ')' from pg_proc p where p.pronamespace ="
        " 'guard'::regnamespace and p.prorettype <> 'trigger'::regtype order by 1",
    )
    mine, theirs = _values(superuser, tables, own), _values(superuser, tables, victim)
    canaries = frozenset(token for token in theirs - mine if token != str(victim))
    return FuzzTarget(
        own, victim, new_id(), tables, list(partitions), list(functions), canaries, count
    )


def without_readable(superuser: Connection, world: FuzzTarget, role: str) -> FuzzTarget:
    """Return the world for a role that row security does not bind.

    What its columns hold it may see, and no other value.
    """
    readable: set[str] = set()
    for table, columns in world.tables.items():
        for name, _ in columns:
            granted = superuser.execute(
                "select has_column_privilege(%s, %s, %s, 'select')",
                [f"theseller_{role}", table, name],
            ).fetchone()
            if granted == (True,):
                rows = superuser.execute(
                    f"select distinct {name}::text from {table}".encode()
                ).fetchall()
                readable.update(token for row in rows for token in _TOKEN.findall(str(row[0])))
    return replace(world, canaries=world.canaries - readable, count=-1)


def _values(superuser: Connection, tables: Iterable[str], tenant: UUID) -> set[str]:
    values: set[str] = set()
    for table in tables:
        column = "id" if table.endswith("tenancy_tenant") else "tenant_id"
        for row in superuser.execute(
            f"select t::text from {table} t where {column} = %s limit 2000".encode(), [tenant]
        ).fetchall():
            values.update(_TOKEN.findall(str(row[0])))
    return values


def _names(superuser: Connection, query: str) -> list[str]:
    return [str(row[0]) for row in superuser.execute(query.encode()).fetchall()]
