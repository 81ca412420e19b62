"""Rows that a line break inside a cell cuts in two, put together again.

Amazon prints some texts with the line break that they hold. The second half then is a line that
begins with no settlement id, and both halves together have as many cells as the header has columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from theseller.amazon.reports.header import Header
from theseller.amazon.reports.lines import Batch

_BLANK = "\t \x1a"


@dataclass(slots=True)
class SettlementRow:
    """The cells of one row. `line` counts from 1; `broken`: it was put together from several lines."""

    line: int
    cells: list[str]
    broken: bool = False


def settlement_rows(batches: Iterable[Batch], header: Header) -> Iterator[list[SettlementRow]]:
    """Yield the rows of a settlement below its header, batch by batch."""
    held: SettlementRow | None = None
    for batch in batches:
        rows: list[SettlementRow] = []
        for number, line in enumerate(batch.lines, batch.first):
            if number <= header.line or not line.strip(_BLANK):
                continue
            cells = without_blank_tail(line.rstrip("\x1a").split("\t"), header.width)
            if held is not None and _goes_on(held.cells, cells, header):
                held.cells[-1] = f"{held.cells[-1]} {cells[0]}".strip()
                held.cells.extend(cells[1:])
                held.broken = True
                continue
            if held is not None:
                rows.append(held)
            held = SettlementRow(number, cells)
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
    identity = header.at("settlement-id")
    if len(cells) > identity and cells[identity] and cells[identity] == held[identity]:
        return False
    starts = header.at("settlement-start-date")
    if cells[0].isdigit() and len(cells) > starts and cells[starts]:
        return False  # The summary of another settlement.
    return len(held) + len(cells) - 1 <= header.width and (len(held) < header.width or bool(held[-1]))
