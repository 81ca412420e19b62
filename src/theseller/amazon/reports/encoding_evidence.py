"""Find non-ASCII bytes of kept cells, as evidence for the encoding.

Column names, tabs and line ends are the same bytes in each encoding of reports except UTF-16, so
rows can be cut into cells first. Which encoding it is, is decided from the letters of these cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from theseller.amazon.reports.replayable_source import Source
from theseller.amazon.reports.report_types_and_columns import COLUMNS, column_name

#: Bytes of distinct cells that are checked.
_SAMPLE = 1 << 20
#: A line without an end that is longer is cut: it is refused later.
_LONGEST = 1 << 20
_ENDS = re.compile(rb"[\r\n]+")
_BLANK = b"\t \x1a"
_STORE = re.compile(rb"Amazon\.(co\.jp|jp|pl|com?\.[a-z]{2}|com|[a-z]{2})(?![a-z.])", re.IGNORECASE)
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_UTF8_LETTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_IDENTITY = re.compile(rb"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}|[0-9]{4,20}")


class Store(StrEnum):
    """The language whose encoding a store's name suggests."""

    JAPAN = "Japan"
    POLAND = "Poland"
    TURKEY = "Turkey"
    OTHER = "other"


_STORES = {b"co.jp": Store.JAPAN, b"jp": Store.JAPAN, b"pl": Store.POLAND, b"com.tr": Store.TURKEY}


@dataclass(frozen=True, slots=True)
class KeptBytes:
    """The kept cells of a file that are not ASCII.

    `cells` are distinct cells, one a line; `utf8_share` is how many of their bytes above 0x7f are
    whole letters of UTF-8, from 0 to 1; `escapes`: a kept cell has an escape character; `stores`:
    those that the file names.
    """

    cells: bytes
    utf8_share: float
    escapes: bool
    stores: frozenset[Store]


def kept_bytes(source: Source) -> KeptBytes:
    """Read `source` once and return its kept cells that are not ASCII.

    With what else says something about the encoding. If it is not a flat file of ours, every cell
    counts as kept.
    """
    cells: set[bytes] = set()
    left, escapes, high, in_utf8 = _SAMPLE, False, 0, 0
    stores: set[Store] = set()
    layout: _Layout | None = None
    for line in _lines(source):
        if layout is None and line.strip(_BLANK):
            layout = _Layout(line)
        if len(stores) < len(Store):
            stores.update(_STORES.get(found.lower(), Store.OTHER) for found in _STORE.findall(line))
        if layout is None or (line.isascii() and b"\x1b" not in line):
            continue
        for cell in layout.kept(line):
            escapes = escapes or b"\x1b" in cell
            high += sum(map(len, _HIGH_RUN.findall(cell)))
            in_utf8 += sum(map(len, _UTF8_LETTER.findall(cell)))
            if not cell.isascii() and cell not in cells and left > 0:
                cells.add(cell)
                left -= len(cell)
    return KeptBytes(
        b"\n".join(sorted(cells)), in_utf8 / high if high else 0.0, escapes, frozenset(stores)
    )


class _Layout:
    """The positions of kept cells in a row, by the header."""

    def __init__(self, header: bytes) -> None:
        names = [column_name(cell.decode("latin-1")) for cell in header.split(b"\t")]
        columns = next(
            (columns for columns in COLUMNS.values() if columns.required <= set(names)), None
        )
        kept = columns.kept if columns else frozenset()
        self._positions = [place for place, name in enumerate(names) if name in kept]
        self._identity = next(
            (
                place
                for place, name in enumerate(names)
                if name in {"amazon-order-id", "settlement-id"}
            ),
            0,
        )
        self._width = len(names)

    def kept(self, line: bytes) -> list[bytes]:
        """Return the kept cells of `line`.

        All cells where it may be the rest of a row that a line break cut in two.
        """
        cells = line.split(b"\t")
        while len(cells) > self._width and not cells[-1].strip():
            cells.pop()
        whole = len(cells) == self._width or (
            len(cells) < self._width
            and len(cells) > self._identity
            and _IDENTITY.fullmatch(cells[self._identity])
        )
        if not self._positions or not whole:
            return cells
        return [cells[place] for place in self._positions if place < len(cells)]


def _lines(source: Source) -> Iterator[bytes]:
    pending = b""
    for piece in source.content():
        *lines, pending = _ENDS.split(pending + piece)
        if len(pending) > _LONGEST:
            lines, pending = [*lines, pending], b""
        yield from lines
    yield pending
