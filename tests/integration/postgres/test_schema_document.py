"""docs/develop/schema.md lists the tables of a new database. THESELLER_WRITE_DOCS=1 writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
from tests.conftest import _migrate_in
from tests.database import (
    create_database,
    drop_database,
    prepared_template,
    test_server,
    worker_name,
)

_FILE = Path(__file__).resolve().parents[3] / "docs" / "develop" / "schema.md"
_HEAD = """# Schema

The tables of a database as `theseller migrate` makes it, written from one by \
`THESELLER_WRITE_DOCS=1 .venv/bin/pytest tests/integration/postgres/test_schema_document.py`.
Django's and Procrastinate's own tables and the partitions are left out. \
What each table stores, for how long, and who deletes it is in the
[data map](../data-map.md); who may read and write it is in `src/theseller/postgres/sql/rights.txt`.
"""
_TABLES = """
    select c.oid, n.nspname, c.relname,
           case when c.relrowsecurity and c.relforcerowsecurity then 'yes' end,
           pg_get_partkeydef(c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema')
    and c.relname !~ '^(procrastinate_|django_|auth_)'
    order by 2, 3"""
_COLUMNS = """
    select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = %s and a.attnum > 0 and not a.attisdropped order by a.attnum"""
_CONSTRAINTS = """
    select contype::text, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = %s and contype in ('p', 'u', 'f', 'c') order by contype, conname"""
_INDEXES = """
    select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class x on x.oid = i.indexrelid
    where i.indrelid = %s
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
    order by x.relname"""


def test_the_schema_document_is_what_a_new_database_has() -> None:
    name = f"schema_document_{worker_name()}"
    drop_database(name)
    create_database(name, template=prepared_template("migrated", _migrate_in))
    try:
        with (
            psycopg.connect(test_server().superuser_dsn(name)) as connection,
            connection.cursor() as cursor,
        ):
            text = _HEAD + "".join(
                _section(cursor, *table) for table in cursor.execute(_TABLES).fetchall()
            )
    finally:
        drop_database(name)
    if os.environ.get("THESELLER_WRITE_DOCS"):
        _FILE.write_text(text)
    assert _FILE.read_text() == text, "write it again by the command that the document names"
    assert text.count("\n## ") > 40


def _section(
    cursor: psycopg.Cursor[Any], oid: int, schema: str, table: str, *rest: str | None
) -> str:
    secured, partitions = rest
    facts = [
        *(["row-level security"] if secured else []),
        *([f"partitioned by `{partitions}`"] if partitions else []),
    ]
    shown = f"\n## {table if schema == 'public' else f'{schema}.{table}'}\n\n" + (
        f"{'; '.join(facts)}\n\n" if facts else ""
    )
    shown += "| column | type | null | default |\n|---|---|---|---|\n"
    for column, kind, required, default in cursor.execute(_COLUMNS, [oid]).fetchall():
        shown += f"| {column} | {kind} | {'' if required else 'yes'} | {_code(default)} |\n"
    rules = [_code(definition) for _, definition in cursor.execute(_CONSTRAINTS, [oid]).fetchall()]
    indexes = [_code(definition) for (definition,) in cursor.execute(_INDEXES, [oid]).fetchall()]
    lines = "".join(f"- {one}\n" for one in [*rules, *indexes])
    return shown + (f"\n{lines}" if lines else "")


def _code(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "\\|")
    return f"`{plain}`" if plain else ""
