"""Search text columns and files of the state folder.

Results name locations, never their content.
"""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connections as databases

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.datamap.table_registry import descriptor
from theseller.datamap.types import DataClass
from theseller.lib import sql_execution
from theseller.postgres.server_folders import SERVER_LOG

_CHUNK = 1 << 20
#: Longer than anything that is looked for, so that nothing hides across two chunks.
_OVERLAP = 4096
#: A state folder of text that is larger than this is not searched to its end within a probe's time;
#: the probe then says so.
MAX_BYTES = 2 << 30

#: What a probe says where it can't see the logs.
NO_LOGS = (
    "No log of the web or the worker is a file here: they write to their standard error stream, and"
    " what becomes of that can't be searched from here (docs/operate/controls.md)."
)

_TEXT_COLUMNS = """
select c.relname, array_agg(quote_ident(a.attname) order by a.attnum), c.relrowsecurity
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0
  and not a.attisdropped
  and format_type(a.atttypid, null) in (
    'text', 'character varying', 'json', 'jsonb', 'text[]', 'character varying[]')
  and has_column_privilege(c.oid, a.attnum, 'select')
group by c.relname, c.relrowsecurity order by c.relname
"""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search covered and where it hit.

    `items` counts files or tables, `size` bytes or columns, `skipped` what should have been
    searched and could not be, `rows` the rows of tables.
    """

    items: int
    size: int
    skipped: int
    hits: tuple[str, ...]
    rows: int = 0


def search_tables(context: ProbeContext, pattern: str) -> SearchResult:
    """Match a PostgreSQL regular expression in text columns.

    Searches the tables that hold no facts of sellers; `size` counts columns. The probe reads over
    all tenants; tables without a tenant (jobs, sessions, limits) are read as the application.
    """
    columns, hits, tables, rows = 0, [], 0, 0
    for alias, table, names in _searchable(context):
        text = ", ".join(f"{name}::text" for name in names)
        match = f"concat_ws(' ', {text}) ~ %s"
        read, found = sql_execution.one(
            databases[alias],
            # names of the catalog
            f"select count(*), count(*) filter (where {match}) from {table}",  # noqa: S608
            [pattern],
        )
        tables, columns, rows = tables + 1, columns + len(names), rows + read
        if found:
            hits.append(f"{found} row{'s' if found > 1 else ''} of table {table}")
    return SearchResult(tables, columns, 0, tuple(hits), rows)


def _searchable(context: ProbeContext) -> Iterator[tuple[str, str, list[str]]]:
    seen: set[str] = set()
    for alias in (context.probe, context.application):
        found = sql_execution.rows(databases[alias], _TEXT_COLUMNS)
        for table, names, secured in found:
            facts = descriptor(table).data_class is DataClass.SELLER_FACTS
            if table in seen or facts or (secured and alias != context.probe):
                continue
            seen.add(table)
            yield alias, table, names


def search_files(
    paths: Iterable[Path],
    root: Path,
    pattern: re.Pattern[bytes],
    *,
    secrets: Path | None = None,
) -> SearchResult:
    """Match `pattern` in every file; `size` counts bytes.

    A hit names the file by its path below `root`, never the line.

    Args:
        paths: the files to search.
        root: the folder that paths in hits are relative to.
        pattern: a regular expression of bytes.
        secrets: a folder whose files are mapped and not read, so that no copy of a secret stays in
            the memory of this process. Its files are replaced as a whole: one that is truncated
            while it is mapped would end the process.
    """
    files = size = skipped = 0
    hits: list[str] = []
    for path in paths:
        try:
            if size > MAX_BYTES:
                skipped += 1
                continue
            mapped = secrets is not None and path.is_relative_to(secrets)
            read, found = (_matches_mapped if mapped else _matches)(path, pattern)
        except FileNotFoundError:
            continue  # Rotated away or erased while we looked.
        except OSError:
            skipped += 1
            continue
        files, size = files + 1, size + read
        if found:
            hits.append(f"file {path.relative_to(root).as_posix()}")
    return SearchResult(files, size, skipped, tuple(hits))


def can_find_in_files(pattern: re.Pattern[bytes], planted: bytes) -> bool:
    """Return whether a search finds `planted` in a file.

    The file is outside the state folder. It is the positive control of `search_files`.
    """
    with tempfile.TemporaryDirectory(prefix="theseller-probe-") as folder:
        path = Path(folder) / "planted"
        # Across the border of two chunks, where a search can miss it.
        path.write_bytes(b"\n" * (_CHUNK - len(planted) // 2) + planted)
        return bool(search_files([path], Path(folder), pattern).hits)


def can_find_in_tables(context: ProbeContext, pattern: str, planted: str) -> bool:
    """Return whether the database matches `planted` with `pattern`.

    The positive control of `search_tables`.
    """
    return context.rows("select %s ~ %s", [planted, pattern]) == [(True,)]


def log_files(context: ProbeContext) -> tuple[Path, ...]:
    """Return the logs of web and worker that are files here.

    An empty tuple if a service manager keeps them elsewhere. The embedded server's log is always a
    file: it is searched with the other files, and does not stand for theirs.
    """
    folder = context.state / "log"
    return tuple(
        path
        for path in state_files(context)
        if path.is_relative_to(folder) and path.name != SERVER_LOG
    )


def _matches(path: Path, pattern: re.Pattern[bytes]) -> tuple[int, bool]:
    size, tail = 0, b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if pattern.search(tail + chunk):
                return size, True
            tail = chunk[-_OVERLAP:]
    return size, False


def _matches_mapped(path: Path, pattern: re.Pattern[bytes]) -> tuple[int, bool]:
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return 0, False
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
            return size, pattern.search(content) is not None


def state_files(context: ProbeContext, *, without: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield the state folder's files, such as logs and keys.

    Without the database's own and the emulated Amazon's.
    """
    database = context.database_directory
    foreign = [
        context.state / "postgres",
        context.state / "run",
        *without,
        *([database] if database else []),
    ]
    if settings.ENVIRONMENT.emulator_url:
        foreign.append(context.state / "emulator")
    for name, folders, files in os.walk(context.state):
        folder = Path(name)
        folders[:] = [below for below in sorted(folders) if folder / below not in foreign]
        # Links are not followed: what they name is searched where it lies, or is not ours.
        yield from (
            folder / file
            for file in sorted(files)
            if (folder / file).is_file() and not (folder / file).is_symlink()
        )
