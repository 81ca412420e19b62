"""Read what a database holds: tables, sequences and rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from theseller.postgres.privilege_comparison import read_rights

_SEQUENCES = """
select format('%I.%I', schemaname, sequencename), coalesce(last_value::text, 'unused')
from pg_sequences where schemaname in ('public', 'guard', 'pii') order by 1
"""
_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'guard', 'pii') and c.relkind in ('r', 'p')
  and not c.relispartition and c.relpersistence = 'p' order by 1, 2
"""
_TOTAL = "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from {} t"
#: What the text of a value depends on.
_SAME_TEXT = """
set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres';
set bytea_output = 'hex'; set extra_float_digits = 1; set lc_monetary = 'C'
"""


@dataclass(frozen=True, slots=True)
class TableContent:
    """A table's number of rows, and the sum of a hash over them.

    The hash has 64 bits and is taken of each row's text. The order of rows does not matter.
    """

    rows: int
    total: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a database holds: tables, values of sequences, and rights of roles."""

    tables: Mapping[str, TableContent]
    sequences: Mapping[str, str]
    rights: tuple[str, ...]


def read_content(dsn: str) -> Content:
    """Return what a database at rest holds; `dsn` is a superuser's.

    Unlogged tables (limits of rates) are left out: they are empty after a crash.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(_SAME_TEXT)
        tables = {
            f"{schema}.{table}": _table_content(connection, schema, table)
            for schema, table in connection.execute(_TABLES).fetchall()
        }
        sequences = {
            str(name): str(value) for name, value in connection.execute(_SEQUENCES).fetchall()
        }
        with connection.cursor() as cursor:
            rights = tuple(sorted(read_rights(cursor)))
    return Content(tables, sequences, rights)


def _table_content(
    connection: psycopg.Connection[tuple[Any, ...]], schema: str, table: str
) -> TableContent:
    query = sql.SQL(_TOTAL).format(sql.Identifier(schema, table))
    row = connection.execute(query).fetchone()
    return TableContent(int(row[0]), str(row[1])) if row else TableContent(0, "")
