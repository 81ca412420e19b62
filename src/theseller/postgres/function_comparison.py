"""Compare the database's functions with the reviewed list, by hash.

`sql/functions.txt` is the list; a test compares it with a new database. A right tells who may call
a function; the hash tells that its body is the reviewed one. A guard function with a bypass
changes no right.
"""

from __future__ import annotations

from importlib import resources

from theseller.postgres.privilege_comparison import Cursor, Difference

# All functions of our schemas except the queue's, and every SECURITY DEFINER function.
_READ = """
select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') '
       || encode(sha256(convert_to(concat_ws(chr(1), p.prosrc, coalesce(p.prosqlbody::text, ''),
              l.lanname, p.provolatile, p.proparallel, p.prosecdef, p.proleakproof, p.proisstrict,
              p.prokind, coalesce(array_to_string(p.proconfig, ','), ''),
              pg_get_function_result(p.oid), pg_get_function_arguments(p.oid)), 'UTF8')), 'hex')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname in ('guard', 'public', 'pii')
    and (p.prosecdef or p.proname not like 'procrastinate\\_%%')
   or p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
order by 1
"""


def read_functions(cursor: Cursor) -> tuple[str, ...]:
    """Return a line per function: name, arguments, and a SHA-256 of all it is."""
    cursor.execute(_READ.replace("%%", "%"))
    return tuple(str(row[0]) for row in cursor.fetchall())


#: Before 18, PostgreSQL has no function of its own for this (grants.sql).
_BEFORE_18 = (
    (
        "guard.clear_samples(relation regclass, inherited boolean)"
        " 1ab83efb6b7ac44b18c454627dd8db8315ebbe511958d08eed56eba9db130255"
    ),
)


def expected_functions(*, server_version: int = 180_000, superuser: bool = True) -> tuple[str, ...]:
    """Return the reviewed lines.

    `server_version` is PostgreSQL's `server_version_num`; `superuser`: one prepared the database.
    """
    text = (resources.files("theseller.postgres") / "sql" / "functions.txt").read_text(
        encoding="utf-8"
    )
    listed = [line for line in text.splitlines() if line and not line.startswith("#")]
    before_18 = superuser and server_version < 180_000
    return tuple(sorted([*listed, *(_BEFORE_18 if before_18 else ())]))


def compare_functions(found: tuple[str, ...], expected: tuple[str, ...]) -> Difference:
    """Return the functions that differ from the list, and missing ones."""
    extra = {line.rsplit(" ", 1)[0] for line in set(found) - set(expected)}
    missing = {line.rsplit(" ", 1)[0] for line in set(expected) - set(found)}
    return Difference(tuple(sorted(extra)), tuple(sorted(missing - extra)))
