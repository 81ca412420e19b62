"""What a program of the release before would miss on a later schema.

Compares two databases, or two moments of one: everything of the earlier one must still be there in
the same form, and nothing may be demanded that the earlier program doesn't know of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import tuple_row

from theseller.postgres.privilege_comparison import read_rights

_OURS = "n.nspname in ('public', 'guard', 'pii')"
_RELATIONS = f"""
select n.nspname || '.' || c.relname, c.relkind::text from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where {_OURS} and c.relkind in ('r', 'p', 'v', 'm', 'S') and not c.relispartition
"""
_COLUMNS = f"""
select n.nspname || '.' || c.relname || '.' || a.attname,
  format_type(a.atttypid, a.atttypmod) || ' ' || a.attgenerated::text || a.attidentity::text,
  a.attnotnull, a.atthasdef or a.attidentity <> ''
from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where {_OURS} and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
  and a.attnum > 0 and not a.attisdropped
"""
#: What refuses rows: constraints (a column's NOT NULL is above), unique indexes, triggers, policies.
_RULES = f"""
select 'constraint ' || n.nspname || '.' || c.relname || '.' || k.conname,
  n.nspname || '.' || c.relname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where {_OURS} and not c.relispartition and k.contype <> 'n'
union all
select 'unique index ' || n.nspname || '.' || c.relname || '.' || i.relname,
  n.nspname || '.' || c.relname, pg_get_indexdef(i.oid)
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
join pg_namespace n on n.oid = c.relnamespace
where {_OURS} and not c.relispartition and x.indisunique
  and not exists (select from pg_constraint k where k.conindid = i.oid)
union all
select 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname,
  n.nspname || '.' || c.relname, pg_get_triggerdef(t.oid)
from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
where {_OURS} and not c.relispartition and not t.tgisinternal
union all
select 'policy ' || n.nspname || '.' || c.relname || '.' || p.polname,
  n.nspname || '.' || c.relname, concat_ws(' | ', p.polcmd, p.polpermissive, p.polroles::text,
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy p join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where {_OURS} and not c.relispartition
"""
#: A constraint that lists the values of a column, as PostgreSQL writes it.
_LISTED = re.compile(
    r"CHECK \(\((?P<column>\w+) = ANY \(ARRAY\[(?P<values>'[\w-]+'::text(?:, '[\w-]+'::text)*)\]\)\)\)"
)
_FUNCTIONS = f"""
select p.oid::regprocedure::text, concat_ws(' ', pg_get_function_identity_arguments(p.oid),
  'returns', pg_get_function_result(p.oid))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {_OURS}
"""
_VALUES = f"""
select t.oid::regtype::text || '.' || e.enumlabel, '' from pg_enum e
join pg_type t on t.oid = e.enumtypid join pg_namespace n on n.oid = t.typnamespace where {_OURS}
"""
#: A right that is missing for a while, or is about the program's own tests, is none of a program's.
_RIGHT = re.compile(r"theseller_\w+ may .*")


@dataclass(frozen=True, slots=True)
class Schema:
    """What programs rely on, by name."""

    relations: Mapping[str, str]
    columns: Mapping[str, tuple[str, bool, bool]]
    rules: Mapping[str, tuple[str, str]]
    functions: Mapping[str, str]
    values: Mapping[str, str]
    rights: frozenset[str]


def read_schema(database: psycopg.Connection[tuple[object, ...]]) -> Schema:
    """Return the schema of a database; `database` is an administrator's."""

    def ask(query: str) -> list[tuple[object, ...]]:
        return database.execute(query.encode()).fetchall()

    def named(query: str) -> dict[str, str]:
        return {str(name): str(text) for name, text in ask(query)}

    with database.cursor(row_factory=tuple_row) as cursor:
        rights = frozenset(right for right in read_rights(cursor) if _RIGHT.fullmatch(right))
    return Schema(
        relations=named(_RELATIONS),
        columns={
            str(name): (str(kind), bool(required), bool(default))
            for name, kind, required, default in ask(_COLUMNS)
        },
        rules={str(name): (str(table), str(text)) for name, table, text in ask(_RULES)},
        functions=named(_FUNCTIONS),
        values=named(_VALUES),
        rights=rights,
    )


def contracts(before: Schema, after: Schema) -> dict[str, str]:
    """Return what a program that knows `before` can't live with in `after`: name and reason."""
    return dict(_contracts(before, after))


def _contracts(before: Schema, after: Schema) -> Iterator[tuple[str, str]]:
    for kind, old, new in (
        ("relation", before.relations, after.relations),
        ("function", before.functions, after.functions),
        ("value", before.values, after.values),
    ):
        for name, text in old.items():
            if name not in new:
                yield f"{kind} {name}", "is missing"
            elif new[name] != text:
                yield f"{kind} {name}", f"was {text}, is {new[name]}"
    yield from _columns(before, after)
    yield from _rules(before, after)
    for right in sorted(before.rights - after.rights):
        # A right on what is missing is no second finding.
        if right.rpartition(" ")[2] in after.relations or " function " in right:
            yield f"right {right}", "is missing"


def _columns(before: Schema, after: Schema) -> Iterator[tuple[str, str]]:
    for name, (kind, required, default) in before.columns.items():
        if _table(name) not in after.relations:
            continue
        if name not in after.columns:
            yield f"column {name}", "is missing"
            continue
        new_kind, new_required, new_default = after.columns[name]
        if new_kind != kind:
            yield f"column {name}", f"was {kind}, is {new_kind}"
        elif new_required and not required:
            yield f"column {name}", "may not be null any more"
        elif default and not new_default:
            yield f"column {name}", "has no default any more"
    for name, (_, required, default) in after.columns.items():
        new = name not in before.columns and _table(name) in before.relations
        if new and required and not default:
            yield f"column {name}", "is new, not null and without a default"


def _rules(before: Schema, after: Schema) -> Iterator[tuple[str, str]]:
    for name, (table, text) in after.rules.items():
        old = before.rules.get(name, ("", ""))[1]
        if table in before.relations and old != text and not _admits_more(old, text):
            yield name, "changed" if name in before.rules else "is new on a table that existed"
    for name, (table, _) in before.rules.items():
        if name.startswith("policy ") and table in after.relations and name not in after.rules:
            yield name, "is missing"


def _admits_more(old: str, new: str) -> bool:
    """Return whether both are lists of the values of a column, and the new one has all old ones."""
    before, after = _LISTED.fullmatch(old), _LISTED.fullmatch(new)
    return (
        before is not None
        and after is not None
        and before["column"] == after["column"]
        and set(before["values"].split(", ")) <= set(after["values"].split(", "))
    )


def _table(column: str) -> str:
    return column.rpartition(".")[0]
