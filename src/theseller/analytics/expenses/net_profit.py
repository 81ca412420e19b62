"""Compute net profit: profit less expenses."""

from __future__ import annotations

from decimal import Decimal

from theseller.analytics.rollups.types import Figures


def net_profit(figures: Figures, expenses: Decimal | None) -> Decimal | None:
    """Return the profit of some days less their expenses.

    Args:
        figures: of all days and stores that the expenses are of.
        expenses: above zero; None if none is entered.

    Returns:
        None without expenses, and where the profit of any sale is not known: the expenses are of
        all of them.
    """
    if expenses is None or figures.profit is None or figures.uncosted_lines:
        return None
    return figures.profit - expenses
