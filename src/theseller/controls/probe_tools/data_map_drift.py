"""Compare what the live deployment stores with the data map.

No erasure would delete what the map lacks. Compared are the database, the state folder, the key
store, the job queue and this process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

from django.conf import settings
from procrastinate.contrib.django import app

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.datamap.declared_columns_and_indexes import all_columns, all_indexes
from theseller.datamap.non_table_objects import (
    EXTENSIONS,
    JOB_ARGUMENT,
    JOBS,
    KEYS,
    PROCESS_STATE,
    QUEUE_ROUTINE,
    SEQUENCES,
    guard_functions,
)
from theseller.datamap.state_folder_and_guard_tables import (
    GUARD_RELATIONS,
    fully_listed_entries,
    unregistered_entries,
    unregistered_files,
)
from theseller.datamap.table_registry import descriptors
from theseller.lib.structured_logging import unredacted_sinks

#: Everything that stores rows or a state, in every schema. A partition counts as the table that it
#: is a part of, whatever its name.
_RELATIONS = """
select n.nspname, coalesce(root.relname, c.relname), c.relkind::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_class root on c.relispartition and root.oid = pg_partition_root(c.oid)
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and c.relkind in ('r', 'p', 'm', 'f', 'v', 'S')
group by 1, 2, 3
"""
_COLUMNS = """
select n.nspname || '.' || c.relname, a.attname from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p')
  and not c.relispartition
  and a.attnum > 0 and not a.attisdropped
"""
#: Indexes that are no part of an index over all partitions: such a one covers its parts.
_INDEXES = """
select n.nspname || '.' || coalesce(root.relname, t.relname), i.relname
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = t.relnamespace
left join pg_class root on t.relispartition and root.oid = pg_partition_root(t.oid)
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not i.relispartition
"""
_ROUTINES = """
select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
#: What else PostgreSQL can keep or send away: extensions, large objects, publications.
_OTHERS = """
select 'extension', extname::text from pg_extension
union all select 'large object', oid::text from pg_largeobject_metadata
union all select 'publication', pubname::text from pg_publication
"""
_JOBS = """
select task_name, coalesce(a.key, ''), count(*) filter (where a.value !~ %s)
from procrastinate_jobs left join jsonb_each_text(args) a on true group by 1, 2
"""
_KINDS = {"m": "materialized view", "f": "foreign table", "v": "view", "S": "sequence"}
#: Lower-case names that Django and gunicorn prescribe for what is constant: addresses, and headers
#: that say whether a request came by https.
_NO_STATE = frozenset({"urlpatterns", "secure_scheme_headers"})


def inventory_drift(context: ProbeContext) -> Iterator[str]:
    """Yield the differences between the deployment and the data map.

    Each unregistered object of the deployment, and each registered one that is missing.
    """
    yield from _relations(context)
    yield from _parts(context)
    yield from _others(context)
    yield from _jobs(context)
    yield from _files(context)
    yield from _keys(context)
    yield from _process()


def _relations(context: ProbeContext) -> Iterator[str]:
    known, tables = {descriptor.table for descriptor in descriptors()}, set()
    for schema, name, kind in context.rows(_RELATIONS):
        if kind in {"r", "p"} and schema in {"public", "pii"}:
            tables.add(name if schema == "public" else f"{schema}.{name}")
        elif kind == "S" and f"{schema}.{name}" in SEQUENCES:
            continue
        elif not (schema == "guard" and kind == "r" and name in GUARD_RELATIONS):
            yield f"The {_KINDS.get(kind, 'table')} {schema}.{name} is missing from the data map."
    yield from (f"Table {name} is missing from the data map." for name in sorted(tables - known))
    yield from (
        f"Table {name} is in the data map and not in the database."
        for name in sorted(known - tables)
    )


def _parts(context: ProbeContext) -> Iterator[str]:
    """Compare columns and indexes of the registered tables.

    An unregistered table is reported once, by `_relations`.
    """
    for kind, query, known in (
        ("column", _COLUMNS, {table: set(columns) for table, columns in all_columns().items()}),
        ("index", _INDEXES, {table: set(names) for table, names in all_indexes().items()}),
    ):
        live: dict[str, set[str]] = {}
        for table, name in context.rows(query):
            live.setdefault(table, set()).add(name)
        for table, names in sorted(live.items()):
            if table in known:
                yield from (
                    f"The {kind} {name} of {table} is missing from the data map."
                    for name in sorted(names - known[table])
                )
                yield from (
                    f"The {kind} {name} of {table} is in the data map and does not exist."
                    for name in sorted(known[table] - names)
                )


def _others(context: ProbeContext) -> Iterator[str]:
    functions = guard_functions()
    for schema, name in context.rows(_ROUTINES):
        if not (schema == "guard" and name in functions) and not (
            schema == "public" and QUEUE_ROUTINE.fullmatch(name)
        ):
            yield f"The function {schema}.{name} is missing from the data map."
    for kind, name in context.rows(_OTHERS):
        if not (kind == "extension" and name in EXTENSIONS):
            yield f"The {kind} {name} is missing from the data map."


def _jobs(context: ProbeContext) -> Iterator[str]:
    """Check kinds of jobs, and the arguments of queued jobs.

    An argument is an ID, a name or a number.
    """
    yield from (
        f"The kind of job {name} is missing from the data map."
        for name in sorted(set(app.tasks) - set(JOBS))
    )
    for task, argument, strange in context.rows(_JOBS, [JOB_ARGUMENT]):
        if task not in JOBS or (argument and argument not in JOBS[task]):
            yield (
                f"A job {task} waits with an argument that is missing from the data map:"
                f" {argument or 'none'}."
            )
        elif strange:
            yield (
                f"{strange} job(s) {task} have an argument {argument} that is no id, name or"
                " number."
            )


def _files(context: ProbeContext) -> Iterator[str]:
    if not context.state.is_dir():
        return
    entries = frozenset(path.name for path in context.state.iterdir())
    yield from (
        f"The state folder has an entry that is missing from the data map: {name}."
        for name in unregistered_entries(entries)
    )
    for place in sorted(entries & fully_listed_entries()):
        folder = context.state / place
        paths = [
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
        ]
        yield from (
            f"The folder {place} has a file that is missing from the data map: {name}."
            for name in unregistered_files(place, paths)
        )


def _keys(context: ProbeContext) -> Iterator[str]:
    """Yield a finding for each unregistered kind of owner of live keys.

    The kind only: behind the colon is someone's ID.
    """
    strange = {
        one.owner.partition(":")[0]
        for one in context.keys.list()
        if not one.destroyed
        and not any(
            known.covers(one.owner, one.purpose.value if one.purpose else None) for known in KEYS
        )
    }
    yield from (
        f"The key store holds keys whose owner is missing from the data map: {owner}."
        for owner in sorted(strange)
    )


def _process() -> Iterator[str]:
    """Check this process: its caches, its state, and where its log goes."""
    known = {thing.name for thing in PROCESS_STATE}
    yield from (
        f"The cache {one} is missing from the data map." for one in sorted(_caches() - known)
    )
    yield from (
        f"The process keeps state that is missing from the data map: {one}."
        for one in sorted(_memories() - known)
    )
    yield from (
        f"The log goes somewhere without the redactor: {kind}." for kind in unredacted_sinks()
    )


def _caches() -> set[str]:
    return {f"{alias}:{said['BACKEND']}" for alias, said in settings.CACHES.items()}


def _memories() -> set[str]:
    modules = [
        (name, module)
        for name, module in tuple(sys.modules.items())
        if name.startswith("theseller.") and ".emulator" not in name
    ]
    return {
        f"{name}:{variable}" for name, module in modules for variable in _remembering(name, module)
    }


def _remembering(name: str, module: ModuleType) -> Iterator[str]:
    """Yield the names of a module's state.

    Functions that cache their results, and containers that are no constants.
    """
    for variable, value in tuple(vars(module).items()):
        if callable(getattr(value, "cache_info", None)):
            if getattr(value, "__module__", name) == name:
                yield variable
        elif (
            isinstance(value, dict | list | set)
            and variable == variable.lower()
            and not (variable in _NO_STATE or variable.startswith("__"))
        ):
            yield variable
