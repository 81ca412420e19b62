"""Rows that a line break inside a cell cuts in two, put together again.

Amazon prints some texts with the line break that they hold. The second half then is a line that
begins with no settlement id, and both halves together have as many cells as the header has columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from theseller.amazon.reports.header import Header
from theseller.amazon.reports.lines import Batch

_BLANK = "\t \x1a"


#: The line of a row, counted from 1; its cells; whether it was put together from several lines.
SettlementRow = tuple[int, list[str], bool]


def settlement_rows(batches: Iterable[Batch], header: Header) -> Iterator[list[SettlementRow]]:
    """Yield the rows of a settlement below its header, batch by batch."""
    identity = header.at("settlement-id")
    held: SettlementRow | None = None
    known = ""
    for batch in batches:
        rows: list[SettlementRow] = []
        for number, line in enumerate(batch.lines, batch.first):
            if number <= header.line or not line.strip(_BLANK):
                continue
            cells = line.split("\t")
            if len(cells) > header.width or line[-1] == "\x1a":
                cells = without_blank_tail(line.rstrip("\x1a").split("\t"), header.width)
            if held is not None:
                if (len(cells) <= identity or not known or cells[identity] != known) and _goes_on(held[1], cells, header):
                    held = held[0], [*held[1][:-1], f"{held[1][-1]} {cells[0]}".strip(), *cells[1:]], True
                    continue
                rows.append(held)
            held = number, cells, False
            known = cells[identity] if len(cells) > identity else ""
        yield rows
    if held is not None:
        yield [held]


def without_blank_tail(cells: list[str], width: int) -> list[str]:
    """Return `cells` without the blank ones past the header's last column, which some programs append."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return cells


def _goes_on(held: list[str], cells: list[str], header: Header) -> bool:
    """Return whether `cells` are the rest of the row `held`."""
    starts = header.at("settlement-start-date")
    if cells[0].isdigit() and len(cells) > starts and cells[starts]:
        return False  # The summary of another settlement.
    return len(held) + len(cells) - 1 <= header.width and (len(held) < header.width or bool(held[-1]))
