"""Values for shared templates: waterfall rows and navigation items."""

from __future__ import annotations

from dataclasses import dataclass

from theseller.lib.money import Money


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """One line of a waterfall chart.

    A total starts from zero; a step continues where the previous line ended. `url` opens the rows
    behind the figure; `note` is a short remark (``82% actual``).
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
        """CSS tone of the bar: `total`, or `gain` or `loss` by sign."""
        if self.row.total:
            return "total"
        return "gain" if self.row.money.amount >= 0 else "loss"


@dataclass(frozen=True, slots=True)
class NavItem:
    """One destination of the main navigation.

    The keys `g` and then `key` lead to it: the first letter of its English label, or another one if
    that is taken. `more`: it is behind "More".
    """

    label: str
    icon: str
    url: str
    current: bool
    key: str
    more: bool = False
