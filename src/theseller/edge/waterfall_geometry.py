"""Arithmetic of a waterfall chart, separate from its drawing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from theseller.edge.types import WaterfallBar, WaterfallRow
from theseller.lib.money import MixedCurrenciesError


def bars(rows: Sequence[WaterfallRow]) -> list[WaterfallBar]:
    """Place each row where the previous one ended.

    A total spans from zero to its amount.

    Raises:
        MixedCurrenciesError: the rows have two currencies, which share no axis.
    """
    if len({row.money.currency for row in rows}) > 1:
        raise MixedCurrenciesError("a waterfall shows one currency; draw one for each")
    level = Decimal(0)
    placed: list[WaterfallBar] = []
    for row in rows:
        start = Decimal(0) if row.total else level
        level = row.money.amount if row.total else level + row.money.amount
        placed.append(WaterfallBar(row, float(start), float(level)))
    return placed


def extent(placed: Sequence[WaterfallBar]) -> tuple[float, float]:
    """Return the axis that includes every bar and zero."""
    ends = [0.0, *(bar.start for bar in placed), *(bar.end for bar in placed)]
    return min(ends), max(ends)
