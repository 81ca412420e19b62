"""The tables of docs/operate/scale.md that the cost model makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

from tools.cost_model.model import Measured, Prices, Result, Usage, compute

_ROWS: tuple[tuple[str, Callable[[Usage, Result], str]], ...] = (
    ("orders stored", lambda _, found: _number(found.orders_stored)),
    ("polls of Amazon a second", lambda _, found: _number(found.polls_per_second)),
    ("processors: web", lambda _, found: _number(found.web_processors)),
    ("processors: worker", lambda _, found: _number(found.worker_processors)),
    ("processors: database", lambda _, found: _number(found.database_processors)),
    ("processors, rounded up", lambda _, found: _number(found.processors)),
    (
        "web and worker processes",
        lambda _, found: f"{_number(found.web_processes)} and {_number(found.worker_processes)}",
    ),
    ("connections to the database, at most", lambda _, found: _number(found.connections)),
    ("memory, GB", lambda _, found: _number(found.memory_gb)),
    ("database, GB", lambda _, found: _number(found.database_gb)),
    ("disk of the database, GB", lambda _, found: _number(found.disk_gb)),
    ("WAL a day, GB", lambda _, found: _number(found.wal_gb_per_day)),
    ("backups, GB", lambda _, found: _number(found.backup_gb)),
    (
        "largest partition, rows",
        lambda _, found: _number(found.largest_partition_rows),
    ),
    (
        "seconds to copy it for an erasure",
        lambda _, found: _number(found.rewrite_seconds),
    ),
    ("hours of processing to load all histories", lambda _, found: _number(found.history_hours)),
    ("limits exceeded", lambda _, found: ", ".join(found.exceeded_limits) or "none"),
    ("cost a month", lambda _, found: _number(found.cost)),
    ("cost a month of one seller", lambda usage, found: f"{found.cost / usage.sellers:.2f}"),
)


def results_table(usages: Sequence[Usage], measured: Measured, prices: Prices) -> str:
    """Return a table of results, a column for each usage."""
    found = [(usage, compute(usage, measured, prices)) for usage in usages]
    lines = [
        "| | " + " | ".join(f"{usage.sellers:,} sellers" for usage in usages) + " |",
        "|---|" + "--:|" * len(usages),
    ]
    lines += [
        f"| {name} | " + " | ".join(show(usage, result) for usage, result in found) + " |"
        for name, show in _ROWS
    ]
    return "\n".join(lines) + "\n"


def inputs_table(*inputs: Measured | Usage | Prices) -> str:
    """Return a table of names and values of inputs, without `source` and `sellers`."""
    lines = ["| input | value |", "|---|--:|"]
    for one in inputs:
        lines += [
            f"| `{field.name}` | {getattr(one, field.name):,g} |"
            for field in fields(one)
            if field.name not in {"source", "sellers"}
        ]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Return a number with two significant digits, or whole from ten on."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
