"""The data map as a page of documentation, `docs/data-map.md`."""

from __future__ import annotations

from collections.abc import Iterator

from theseller.datamap.declared_columns_and_indexes import all_columns, all_indexes
from theseller.datamap.non_table_objects import (
    EXTENSIONS,
    JOBS,
    KEYS,
    PROCESS_STATE,
    SEQUENCES,
    guard_functions,
)
from theseller.datamap.state_folder_and_guard_tables import STATE_ENTRIES, StateEntry
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass, TableDescriptor

_HEAD = """# The data map

Everything that this deployment stores, with its class, owning package, retention and how it is
deleted. Written by a test from the descriptors that the erasure itself follows
(`THESELLER_WRITE_DOCS=1 pytest tests/completeness/test_data_map.py`). The control `pii-strip` fails
if the running deployment has something that this page does not list.
"""
#: Tables whose name begins otherwise than their package: of programs that we build on, and of the
#: schema for buyers' data.
_BROUGHT = {
    "retention_end_link": "erasure",
    "retention_end_failure": "erasure",
    "retention_backup": "backups",
    "retention_drill": "backups",
    "pii": "vault",
    "django": "accounts",
    "auth": "accounts",
    "procrastinate": "ingest",
}


def page() -> str:
    """Return the whole page, Markdown."""
    return "\n".join(
        line
        for part in (_tables(), _columns(), _places(), _jobs(), _things(), _keys(), _rest())
        for line in ("", *part)
    ).join((_HEAD.rstrip("\n") + "\n", "\n"))


def _tables() -> Iterator[str]:
    yield from (
        "## Tables",
        "",
        "| table | class | owner | stays | goes | note |",
        "|---|---|---|---|---|---|",
    )
    for one in descriptors():
        parts = f" (split: `{one.partitions}…`)" if one.partitions else ""
        yield (
            f"| `{one.table}`{parts} | {one.data_class} | {_owner(one)} | {one.retention} |"
            f" {_goes(one)} | {one.note} |"
        )
    yield (
        "| `guard.audit_writer`, `guard.deployment`, `guard.isolation_probe`, `guard.ticket_key` |"
        " none | tenancy | with the deployment | stays | Which role writes which line of the log;"
        " which environment this is, which state folder has its files, and which release migrated"
        " it; two rows of no seller,"
        " which the control of tenant isolation looks for; keys that prove a tenant's ticket. |"
    )


def _owner(descriptor: TableDescriptor) -> str:
    schema, _, _ = descriptor.table.rpartition(".")
    prefix = schema or descriptor.table.partition("_")[0]
    return _BROUGHT.get(descriptor.table) or _BROUGHT.get(prefix, prefix)


def _goes(descriptor: TableDescriptor) -> str:
    expired = f" by {descriptor.expired_by}" if descriptor.expired_by else ""
    return (
        descriptor.eraser.value.replace("_", " ")
        + expired
        + (f", before {', '.join(descriptor.parents)}" if descriptor.parents else "")
    )


def _columns() -> Iterator[str]:
    """Write each table's columns by class, and its indexes.

    An index stores values of the same columns.
    """
    classes = {
        one.table if "." in one.table else f"public.{one.table}": one.data_class
        for one in descriptors()
    }
    yield from (
        "## Columns and indexes",
        "",
        "A partition has its parent's.",
        "",
        "| table | columns | indexes |",
        "|---|---|---|",
    )
    indexes = all_indexes()
    for table, columns in all_columns().items():
        by_class: dict[DataClass, list[str]] = {}
        for name, said in columns.items():
            by_class.setdefault(said or classes.get(table, DataClass.NONE), []).append(name)
        listed = "; ".join(f"*{kind}*: {', '.join(names)}" for kind, names in by_class.items())
        yield (
            f"| `{table.removeprefix('public.')}` | {listed} |"
            f" {', '.join(sorted(indexes[table]))} |"
        )


def _places() -> Iterator[str]:
    yield from (
        "## The state folder",
        "",
        "| entry | class | owner | stays | goes | files | in an export |",
        "|---|---|---|---|---|---|---|",
    )
    for one in STATE_ENTRIES:
        files = (
            f"`{one.files}`".replace("|", "\\|")
            if one.files not in {"", ".*"}
            else "itself"
            if not one.files
            else "as its program lays them out"
        )
        yield (
            f"| `{one.name}` | {one.data_class} | {one.owner} | {one.retention} | {one.eraser} |"
            f" {files} | {_exported(one)} |"
        )


def _exported(entry: StateEntry) -> str:
    """Return which files of an entry `theseller state export` includes."""
    if not entry.exported:
        return "–"
    return "yes" if entry.exported == entry.files else f"`{entry.exported}`"


def _jobs() -> Iterator[str]:
    yield from (
        "## Jobs in the queue",
        "",
        (
            "Operational; owner: the package in the name; until done, then cleared by age. An"
            " argument is an id, a name or a number."
        ),
        "",
    )
    yield from ("| kind | arguments |", "|---|---|")
    yield from (
        f"| `{name}` | {', '.join(sorted(arguments))} |" for name, arguments in sorted(JOBS.items())
    )


def _things() -> Iterator[str]:
    yield from (
        "## Caches, memories of a process, sinks of the log",
        "",
        "| kind | name | class | owner | stays | goes |",
        "|---|---|---|---|---|---|",
    )
    yield from (
        f"| {one.kind} | `{one.name}` | {one.data_class} | {one.owner} | {one.retention} |"
        f" {one.eraser} |"
        for one in PROCESS_STATE
    )


def _keys() -> Iterator[str]:
    yield from (
        "## Keys",
        "",
        "Credentials, in the key store outside the database and its backups.",
        "",
        "| owner of the key | for | package | kept | deleted |",
        "|---|---|---|---|---|",
    )
    for one in KEYS:
        pattern = one.pattern.partition("[")[0] + ("…" if "[" in one.pattern else "")
        yield (
            f"| `{pattern}` | {', '.join(sorted(one.purposes))} | {one.owner} | {one.retention} |"
            f" {one.eraser} |"
        )


def _rest() -> Iterator[str]:
    yield from (
        "## What holds no row",
        "",
        (
            "Sequences (numbers without meaning):"
            f" {', '.join(f'`{one}`' for one in sorted(SEQUENCES))}."
        ),
        "",
    )
    yield f"Functions in `guard`: {', '.join(f'`{one}`' for one in sorted(guard_functions()))}."
    yield from (
        "",
        (
            f"Extensions: {', '.join(f'`{one}`' for one in sorted(EXTENSIONS))}. No views, large"
            " objects, foreign tables, publications."
        ),
    )
