"""Find the files of relations, and remove those of no relation."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connections as databases
from django.db.backends.utils import CursorWrapper

from theseller.lib import sql_execution
from theseller.postgres.server_folders import Layout, saved_layout

_FILE = re.compile(r"(t\d+_)?(\d+)(_\w+)?(\.\d+)?")
_NODES = """
with wanted as (select unnest(%s::text[])::regclass::oid as oid),
     whole as (
         select oid from wanted union
         select c.reltoastrelid from pg_class c join wanted w on w.oid = c.oid
         where c.reltoastrelid <> 0)
select pg_relation_filenode(oid) from whole
union select pg_relation_filenode(i.indexrelid) from pg_index i join whole w on w.oid = i.indrelid
"""
_KNOWN = "select pg_relation_filenode(oid) from pg_class where relkind in ('r', 'i', 't', 'm', 'S')"


def database_files() -> Layout | None:
    """Return where the files of our database are, or None.

    None if it runs elsewhere, or the files can't be read.
    """
    if settings.ENVIRONMENT.database_url:
        return None
    layout = saved_layout(settings.ENVIRONMENT.state)
    if layout is None or not (layout.data / "base").is_dir():
        return None
    return layout


def relation_files(layout: Layout, relations: tuple[str, ...], using: str) -> Iterator[Path]:
    """Yield the files of the relations and those that no relation has.

    Indexes and TOAST tables included.
    """
    stray = {path.name for path in _stray_files(layout, using)}
    with databases[using].cursor() as cursor:
        folder = _folder(layout, cursor)
        cursor.execute(_NODES, [list(relations)])
        wanted = {row[0] for row in cursor.fetchall()}
    for path in sorted(folder.iterdir()):
        named = _FILE.fullmatch(path.name)
        if named and (int(named[2]) in wanted or path.name in stray):
            yield path


def stray_names(*, using: str) -> frozenset[str]:
    """Return the names of files of our database that no relation has.

    A crash in the middle of a copy leaves such.
    """
    layout = database_files()
    return frozenset(path.name for path in _stray_files(layout, using)) if layout else frozenset()


def remove_stray_files(*, using: str) -> int:
    """Remove files that no relation has; return how many.

    Only those from before the server's start.

    PostgreSQL never removes them. The process that made one ended with an earlier run of the
    server, so that none can still be about to give it to a relation; and while it exists, its
    number is given to no other.
    """
    layout = database_files()
    if layout is None:
        return 0
    started, removed = (
        float(
            sql_execution.value(
                databases[using], "select extract(epoch from pg_postmaster_start_time())::float8"
            )
        ),
        0,
    )
    for path in _stray_files(layout, using):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            about = path.stat()
            if max(about.st_mtime, about.st_ctime) < started:
                path.unlink()
                removed += 1
    return removed


def _stray_files(layout: Layout, using: str) -> list[Path]:
    with databases[using].cursor() as cursor:
        # The files first: what is made in between is no longer among them, and so can't be taken
        # for one of no relation.
        present = sorted(_folder(layout, cursor).iterdir())
        cursor.execute(_KNOWN)
        known = {row[0] for row in cursor.fetchall()}
    return [
        path
        for path in present
        if (named := _FILE.fullmatch(path.name)) and int(named[2]) not in known
    ]


def _folder(layout: Layout, cursor: CursorWrapper) -> Path:
    cursor.execute("select oid from pg_database where datname = current_database()")
    return layout.data / "base" / str(cursor.fetchone()[0])
