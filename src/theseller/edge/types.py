"""Frozen values that pages are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from theseller.lib.money import Money


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """One line of a waterfall. A total starts again from zero; a step continues where the line before it ended.

    `url` opens the rows behind the figure; `note` is a short remark (``82% actual``).
    """

    label: str
    money: Money
    total: bool = False
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """A row with the two ends of its bar, in the row's currency."""

    row: WaterfallRow
    start: float
    end: float

    @property
    def tone(self) -> str:
        if self.row.total:
            return "total"
        return "gain" if self.row.money.amount >= 0 else "loss"


@dataclass(frozen=True, slots=True)
class NavItem:
    """One destination of the main navigation."""

    label: str
    icon: str
    url: str
    current: bool
