"""Pairs of random statements, which must not be distinguishable.

One names a value that only another shop's row has, the other a value that no row has.

Whatever can be observed of the two must be equal: rows, errors, notices, plans, and whether a
sub-select of the statement's own was evaluated. A difference tells whether a row of the other shop
has the value, even where no row comes back. The conditions are above all those that PostgreSQL
takes to be leakproof and to cost nothing (null tests, boolean columns, subscripts), which it may
evaluate before the policies, beside comparisons of columns and of rows.

`tests/integration/tenancy/test_fuzz.py` runs it; `tests/sql_fuzzer.py` looks for the values
themselves.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import psycopg
from tests.sql_fuzzer import SWITCHES, Connection, Database, FuzzResult, FuzzTarget, plans_as_text

#: Takes the place of the value in a statement until both statements are made of it.
_VALUE = "{value}"
#: A column's values that only the attacked shop has; columns that decide the partition are left
#: out, as their values choose which partitions a plan names.
_KINDS = ("text", "integer", "bigint", "uuid", "numeric", "timestamp with time zone", "boolean")
#: What needs no quoting in SQL, JSON or a pattern.
_SAFE = re.compile(r"[A-Za-z0-9.:+ -]+")
_PARTITION_KEYS = ("tenant_id", "local_day")
#: Evaluated at the first row that gets so far, each of them seen by what it leaves: a setting, an
#: error, a notice.
_OBSERVERS = (
    "(select set_config('x.seen', 'yes', true)) is not null",
    "(select 1 / (length(current_setting('x.y')) - 36)) is not null",
    "(select pg_temp.tells('evaluated')) is not null",
)
_TRUTHS = ("true", "false", "unknown")
_TRUTH = re.compile(r"\bIS (NOT )?(TRUE|FALSE|UNKNOWN)\b", re.IGNORECASE)

Sign = Callable[[Connection, UUID], str]


class Pairs:
    """Templates of statements from a seed.

    `columns` are the readable ones with values of the attacked shop alone.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[tuple[str, str, str]]], seed: int, *, functions: bool
    ) -> None:
        self.columns = {table: list(found) for table, found in columns.items() if found}
        self.chance = random.Random(seed)  # repeatable, not secret  # noqa: S311
        self.functions = functions

    def pair(self) -> tuple[str, str, str, bool]:
        """Return a template, the value that a row has, and one that none has.

        The last item says whether own rows may have the value too.
        """
        weighted = sorted(self.columns, key=lambda table: (table not in _LARGE, table))
        table = self.chance.choice(weighted[:2] if self.chance.random() < 0.5 else weighted)
        name, kind, value = self.chance.choice(self.columns[table])
        if kind == "boolean" or self.chance.random() < 0.2:
            test = self.chance.choice(self._truths(table, name, kind))
            return (
                self._statement(table, test, truth=True),
                value if kind == "boolean" else "true",
                "unknown",
                True,
            )
        free = self.chance.choice(self._comparisons(name, kind))
        # Own rows may lie in a range of the other shop's value.
        return (
            self._statement(table, free),
            value,
            _absent(value, kind),
            ("=" in free and "<" in free) or ">" in free,
        )

    def _truths(self, table: str, name: str, kind: str) -> list[str]:
        """Return tests of truth and of null, which cost nothing."""
        other = self.chance.choice(self.columns[table])[0]
        tests = [
            f"(p.{name} is null) is {_VALUE}", f"(p.{name} is not null) is {_VALUE}",
            f"(row(p.{name}, p.{other}) is null) is {_VALUE}", f"(p is not null) is {_VALUE}",
        ]  # fmt: skip
        return [f"p.{name} is {_VALUE}"] * 4 if kind == "boolean" else tests

    def _comparisons(self, name: str, kind: str) -> list[str]:
        """Return conditions that are met by the value alone."""
        column, quoted = f"p.{name}", f"'{_VALUE}'::{kind}"
        found = [
            f"{column} = {quoted}", f"{quoted} = {column}",
            f"({column}, {column}) <= ({quoted}, {quoted})",
            f"({column}, p.ctid) >= ({quoted}, '(0,0)')", f"{column} = any (array[{quoted}])",
            f"{column} in (select {quoted})", f"{column} is not distinct from {quoted}",
            f"case when {column} = {quoted} then true else false end", f"{column} >= {quoted}",
        ]  # fmt: skip
        if kind == "text":
            found += [
                f"""('{{"{_VALUE}": 1}}'::jsonb)[{column}] is not null""",
                f"""((select '{{"{_VALUE}": 1}}'::jsonb))[{column}] is not null""",
                f"""(array['{{"{_VALUE}": 1}}'::jsonb])[1][{column}] is not null""",
                f"{column} like '{_VALUE}%'", f"starts_with({column}, '{_VALUE}')",
            ] * 2  # fmt: skip
        if kind == "integer":
            found += [
                f"((select array_fill(1, array[1], array[{_VALUE}])))[{column}] is not null",
                f"('[{_VALUE}:{_VALUE}]={{1}}'::int[])[{column}] is not null",
            ] * 4
        return found

    def _statement(self, table: str, free: str, *, truth: bool = False) -> str:
        observer = self.chance.choice(_OBSERVERS if self.functions else _OBSERVERS[:2])
        where = self.chance.choice([
            free, free, f"{free} and {observer}", f"{observer} and {free}",
            f"(({free}) is not true or {observer})",
            f"case when {free} then {observer} else false end", f"coalesce(({free}), {observer})",
            f"({free}) is not false and {observer}",
        ])  # fmt: skip
        simple = (
            "select 1 from <t> p where <w>", "select count(*) from <t> p where <w>",
            "select 1 from (select * from <t> offset 0) p where <w>",
            "select 1 from <t> p where <w> for update", "delete from <t> p where <w>",
            "insert into <t> select p.* from <t> p where <w>",
            "update <t> p set <c> = <c> where <w>",
            "select 1 from <t> p tablesample system (100) where <w>",
            "select (select max(p.ctid::text) from <t> p where <w>)",
        )  # fmt: skip
        # The planner expects other numbers of rows of other tests of truth, and may join or scan in
        # another way.
        joined = (
            "select 1 from <t> p where <w> limit 1",
            "select exists (select from <t> p where <w>)",
            "select 1 from <t> p join <t> q on q.ctid = p.ctid where <w>",
            "merge into <t> p using (select 1) l on <w> when matched then do nothing",
        )  # fmt: skip
        query = self.chance.choice(simple if truth else simple + joined)
        query = (
            query.replace("<w>", where)
            .replace("<t>", table)
            .replace("<c>", self.columns[table][0][0])
        )
        pick = self.chance.random()
        if pick < 0.4:
            options = self.chance.choice(
                ["costs off", "costs off, verbose", "format json, costs off"]
            )
            return f"explain (analyze, timing off, summary off, buffers off, {options}) {query}"
        if pick < 0.5 and not truth:
            return f"explain {query}"
        if pick < 0.6 and query.startswith("select 1"):
            changed = self.chance.choice(
                [f"delete from {table}", f"update {table} set tenant_id = tenant_id"]
            )
            return (
                f"declare c cursor for {query}; fetch 1 from c; {changed} where current of c; fetch"
                " all from c"
            )
        return query


_LARGE = ("public.ingest_order_line", "public.ingest_product")


def _absent(value: str, kind: str) -> str:
    """Return a value of the same kind and length that no row has."""
    if kind in {"integer", "bigint", "numeric"}:
        return str(value[:-1]) + str((int(value[-1]) + 1) % 10)
    if kind == "uuid":
        return value[:-6] + "fedcba"
    if kind == "text":
        middle = len(value) // 2
        return f"{value[:middle]}~{value[middle + 1 :]}"
    return value.replace("20", "19", 1)


def columns_of(
    superuser: Connection, world: FuzzTarget, role: str
) -> dict[str, list[tuple[str, str, str]]]:
    """Return, by table, the columns that `role` may read.

    With their kind and a value that only the attacked shop has.
    """
    found: dict[str, list[tuple[str, str, str]]] = {}
    for table, columns in world.tables.items():
        tenant = "id" if table.endswith("tenancy_tenant") else "tenant_id"
        for name, kind in columns:
            if kind not in _KINDS or name in (*_PARTITION_KEYS, "id"):
                continue
            may = superuser.execute(
                "select has_column_privilege(%s, %s, %s, 'select')",
                [f"theseller_{role}", table, name],
            )
            theirs = (
                f"select {name}::text from {table} where {tenant} = %s and {name} is not null"
                f" except select {name}::text from {table} where {tenant} <> %s order by 1 desc"
                " limit 1"
            )
            value = superuser.execute(theirs.encode(), [world.victim, world.victim]).fetchone()
            if (
                (allowed := may.fetchone()) is not None
                and allowed[0]
                and value is not None
                and _SAFE.fullmatch(str(value[0]))
            ):
                found.setdefault(table, []).append((name, kind, str(value[0])))
    return found


def attack_pairs(
    connect: Database, sign: Sign, world: FuzzTarget,
    columns: Mapping[str, Sequence[tuple[str, str, str]]], *, seed: int, most: int,
    stop_at: int = 20,
) -> FuzzResult:  # fmt: skip
    """Run up to `most` statements, two a pair, and stop after `stop_at` pairs that differ.

    `connect` opens the attacker's connection; `sign` signs a ticket of a shop for it; `columns` is
    `columns_of` the role.
    """
    found = FuzzResult()
    if not any(columns.values()):
        return found
    chance = random.Random(seed)  # repeatable, not secret  # noqa: S311
    with connect() as connection:
        connection.execute("set statement_timeout = '5s'; set lock_timeout = '300ms'")
        plans_as_text(connection)
        grammar = Pairs(columns, seed, functions=_makes_functions(connection))
        connection.commit()
        tickets = [sign(connection, world.empty), sign(connection, world.own), "", "forged"]
        while found.statements < most and len(found.hits) < stop_at:
            template, there, absent, shared = grammar.pair()
            ticket = chance.choice([tickets[0], *tickets[2:]] if shared else tickets)
            switches = chance.sample(SWITCHES, chance.choice([0, 2, 4]))
            switches += ["enable_indexscan", "enable_bitmapscan"] if chance.random() < 0.5 else []
            seen = [
                _observe(connection, world, template, one, ticket, switches, found)
                for one in (there, absent)
            ]
            if seen[0] != seen[1]:
                # Statistics of the tables may have changed between the two: only what comes again
                # counts.
                again = [
                    _observe(connection, world, template, one, ticket, switches, found)
                    for one in (there, absent)
                ]
                if again == seen:
                    found.hits.append((template.replace(_VALUE, there), _differing(*seen)))
    return found


def _differing(there: tuple[str, ...], absent: tuple[str, ...]) -> str:
    """Return what is seen of both from shortly before the first difference."""
    texts = [" ".join(there), " ".join(absent)]
    same = next(
        (at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other),
        min(map(len, texts)),
    )
    begin = max(same - 150, 0)
    return f"with the row …{texts[0][begin : same + 200]} — without …{texts[1][begin : same + 200]}"


def _observe(
    connection: Connection,
    world: FuzzTarget,
    template: str,
    value: str,
    ticket: str,
    switches: Sequence[str],
    found: FuzzResult,
) -> tuple[str, ...]:
    """Run a statement with `value` in it, roll it back, and return all that its sender can see."""
    notices: list[str] = []
    parts: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        notices.append(str(diagnostic.message_primary))

    connection.add_notice_handler(note)
    connection.execute(
        "select set_config('theseller.ticket', %s, true), set_config('x.y', %s, true),"
        " set_config('x.seen', '', true)",
        [ticket, str(world.own)],
    )
    for switch in switches:
        connection.execute(f"set local {switch} = off".encode())
    statement = template.replace(_VALUE, value)
    found.statements += 1
    found.kinds[statement.split(maxsplit=1)[0]] += 1
    state = ""
    try:
        cursor = connection.execute(statement.encode())
        while True:
            parts.append(str(cursor.fetchall() if cursor.description else cursor.rowcount))
            if not cursor.nextset():
                break
        row = connection.execute("select current_setting('x.seen', true)").fetchone()
        parts.append(str(row))
        found.answered += 1
    except psycopg.Error as error:
        state = str(error.sqlstate)
        found.refused[state] += 1
        parts.append(f"{error.diag.message_primary} {error.diag.message_detail}")
    connection.rollback()
    connection.remove_notice_handler(note)
    # Words of the statement that its answer repeats are no difference.
    text = _TRUTH.sub("IS ?", " ".join(parts))
    if value not in _TRUTHS:
        after = value[:-1] + chr(
            ord(value[-1]) + 1
        )  # the end of the range that the planner makes of a prefix
        text = text.replace(value, "?").replace(after, "?")
    return state, text, *notices


def _makes_functions(connection: Connection) -> bool:
    try:
        with connection.transaction():
            connection.execute(
                "create function pg_temp.tells(t text) returns boolean language plpgsql cost"
                " 0.0000001 as $f$ begin raise notice 'SEEN %', t; return true; end $f$"
            )
    except psycopg.Error:
        return False
    return True
