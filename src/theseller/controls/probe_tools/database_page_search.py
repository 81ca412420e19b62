"""Search the files of the database's tables for tokens of Amazon's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.probe_tools.table_and_file_search import search_files

#: What begins every token and client secret of Amazon's, before the part that is worth something.
TOKEN_MARKS = re.compile(rb"Atz[ar]\||amzn1\.oa2-cs\.v1\.")
#: What is read of the pages in one run. A database that is larger is read from another file on each
#: time.
MAX_PAGE_BYTES = 256 << 20
_FILES = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class PageSearch:
    """The result of a search of the database's files.

    `readable` is False if they are on another machine, or another user's.
    """

    readable: bool
    files: int
    size: int
    hits: int


def search_database_pages(context: ProbeContext) -> PageSearch:
    """Search the files of this database's tables for tokens.

    Whatever column or deleted row they are in. It does not find compressed values, and not what has
    not been written to the disk yet.
    """
    data = context.database_directory
    if data is None:
        return PageSearch(readable=False, files=0, size=0, hits=0)
    folder = (
        data
        / "base"
        / str(context.number("select oid from pg_database where datname = current_database()"))
    )
    try:
        files = sorted(path for path in folder.iterdir() if _FILES.fullmatch(path.name))
    except OSError:
        return PageSearch(readable=False, files=0, size=0, hits=0)
    found = search_files(_portion(context, files), data, TOKEN_MARKS)
    return PageSearch(
        readable=found.items > 0 or not found.skipped,
        files=found.items,
        size=found.size,
        hits=len(found.hits),
    )


def _portion(context: ProbeContext, files: list[Path]) -> Iterator[Path]:
    """Yield files up to a limit of bytes, beginning at another one each time."""
    start = int(context.at.timestamp() // 600) % len(files) if files else 0
    left = MAX_PAGE_BYTES
    for path in files[start:] + files[:start]:
        if left <= 0:
            return
        try:
            left -= path.stat().st_size
        except OSError:
            continue  # Dropped meanwhile.
        yield path
