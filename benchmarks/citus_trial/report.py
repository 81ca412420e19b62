"""What the trial found, as tables in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg

PASS, REFUSED, WRONG = "PASS", "REFUSED", "WRONG"
_NOTE_MAX = 400


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was tried: its area, its name, what became of it."""

    area: str
    name: str
    outcome: str
    note: str = ""


@dataclass(slots=True)
class Report:
    """Items in the order in which they were tried."""

    items: list[Item] = field(default_factory=list)

    def add(self, area: str, name: str, outcome: str, note: object = "") -> None:
        """Add an item and print it."""
        text = "" if note is None or note is True else str(note)
        item = Item(area, name, outcome, one_line(text))
        self.items.append(item)
        print(f"{item.outcome:8} {area}: {name}{': ' + item.note if item.note else ''}", flush=True)

    def attempt(self, area: str, name: str, attempt: Callable[[], object]) -> bool:
        """Run `attempt`: an error of the database is REFUSED, False is WRONG, all else PASS."""
        try:
            found = attempt()
        except Exception as error:  # noqa: BLE001 - any refusal is a finding
            self.add(area, name, REFUSED, refusal(error))
            return False
        self.add(area, name, WRONG if found is False else PASS, found)
        return found is not False

    def counts(self) -> dict[str, int]:
        """Return how many items have each outcome."""
        return {
            outcome: sum(item.outcome == outcome for item in self.items)
            for outcome in (PASS, REFUSED, WRONG)
        }

    def table(self) -> str:
        """Return all items as one table."""
        rows = [(item.area, item.name, item.outcome, item.note) for item in self.items]
        return markdown(("area", "tried", "outcome", "note"), rows)


@dataclass(frozen=True, slots=True)
class Figure:
    """Measurements of one thing in rounds: each round has one value per variant."""

    name: str
    unit: str
    values: dict[str, list[float]]

    def row(self, variants: Sequence[str], base: str) -> tuple[str, ...]:
        """Return medians, and the median of the rounds' ratios to `base`."""
        cells = [self.name, self.unit]
        for variant in variants:
            found = self.values.get(variant)
            if not found:
                cells.append("")
                continue
            text = f"{median(found):,.1f}" if median(found) < 1000 else f"{median(found):,.0f}"
            if variant != base:
                ratio = median(
                    mine / plain for mine, plain in zip(found, self.values[base], strict=True)
                )
                text += f" ({ratio:.2f})"
            cells.append(text)
        return tuple(cells)


def refusal(error: BaseException) -> str:
    """Return the database's own words of an error, or its type and text."""
    cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        detail = cause.diag.message_detail
        return cause.diag.message_primary + (f" ({detail})" if detail else "")
    return f"{type(cause).__name__}: {cause}"


def one_line(text: str) -> str:
    """Return text on one line, shortened, without what ends a table's cell."""
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= _NOTE_MAX else line[: _NOTE_MAX - 1] + "…"


def markdown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
