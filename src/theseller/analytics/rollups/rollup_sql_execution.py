"""Run the rollup statements on the lines that count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any

from django.db.backends.utils import CursorWrapper

from theseller.analytics.rollups.settlement_matching import Money, in_settlements
from theseller.lib import sql_execution

#: Which ledger lines a statement reads: those of (store, day) pairs, of these only those without an
#: order, or those of orders. The second file finds what may hold the same money.
LINES_OF_DAYS = ("lines_of_days.sql", "related_of_days.sql")
LINES_WITHOUT_ORDER = ("lines_without_order.sql", "related_of_days.sql")
LINES_OF_ORDERS = ("lines_of_orders.sql", "related_of_orders.sql")
LINES_OF_MANY_ORDERS = ("lines_of_many_orders.sql", "related_of_orders.sql")


@cache
def sql_text(*names: str) -> str:
    """Return the text of files in `statements/`, joined.

    Of several, the first is what follows ``with``.
    """
    folder = resources.files("theseller.analytics.rollups").joinpath("statements")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
    return texts[0] if len(texts) == 1 else "with\n" + "\n".join(texts)


@contextmanager
def _without_nested_loops(cursor: CursorWrapper) -> Iterator[None]:
    """Disable nested loops for statements with `counted_lines.sql`.

    The planner does not know the sizes of common table expressions, assumes one row, and would
    compare each with each.
    """
    sql_execution.execute(cursor.db, "select set_config('enable_nestloop', 'off', true)")
    yield
    sql_execution.execute(cursor.db, "select set_config('enable_nestloop', 'on', true)")


def run_on_counted_lines(
    cursor: CursorWrapper,
    values: dict[str, Any],
    *names: str,
    lines: tuple[str, str] = LINES_OF_DAYS,
) -> None:
    """Run a statement that reads `counted_lines.sql`; its rows can be fetched.

    Args:
        cursor: an open cursor in the tenant's scope.
        values: what `parameters` returned.
        names: the files of `statements/` that follow it.
        lines: the files that say which ledger lines: `LINES_OF_DAYS` or one of the others.
    """
    read = ("slice.sql", lines[0], "open_transactions.sql")
    with _without_nested_loops(cursor):
        found = values | _settled(cursor, values, read, lines[1])
        cursor.execute(sql_text(*read, "counted_lines.sql", *names), found)


def run_on_orders(cursor: CursorWrapper, values: dict[str, Any], *names: str) -> None:
    """Run a statement that reads `ordered.sql` but no ledger.

    Its rows can be fetched.

    Args:
        cursor: an open cursor in the tenant's scope.
        values: what `parameters` returned.
        names: the files of `statements/` that follow it.
    """
    with _without_nested_loops(cursor):
        cursor.execute(sql_text("slice.sql", "ordered.sql", *names), values)


def _settled(
    cursor: CursorWrapper, values: dict[str, Any], read: tuple[str, ...], related: str
) -> dict[str, Any]:
    """Return the transactions of Finances in a stored settlement.

    They are parameters of `counted_lines.sql`. Which orders and days are wanted is read first and
    passed as literals: only then does the planner know how many there are.
    """
    cursor.execute(sql_text(*read, "wanted.sql"), values)
    wanted = cursor.fetchall()
    days = {day for _, day in wanted if day is not None}
    near = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
    orders = [order for order, _ in wanted if order]
    beside = {
        "wanted_orders": orders,
        "wanted_days": sorted(days),
        "near_wanted_days": sorted(near),
    }
    cursor.execute(sql_text(*read, related, "matching.sql"), values | beside)
    settled: set[tuple[str, str]] = set()
    sides: dict[str, list[Money]] = {"transaction": [], "settlement": []}
    for side, key, order, currency, at, total, kind, skus, *rest in cursor.fetchall():
        if side == "matched":
            settled.add((key, currency))
        else:
            sides[side].append(Money(key, order, currency, at, total, kind, frozenset(skus), *rest))
    settled |= in_settlements(sides["transaction"], sides["settlement"])
    return {
        "settled_keys": [key for key, _ in settled],
        "settled_currencies": [currency for _, currency in settled],
    }
