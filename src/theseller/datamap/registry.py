"""The one register of holdings, filled at import time."""

from __future__ import annotations

import heapq
import importlib
from collections.abc import Collection, Iterable, Mapping

from theseller.datamap.types import DataClass, Differences, Eraser, Holding


class DataMapError(Exception):
    """The map contradicts itself: a table twice, a parent that nobody registered, parents in a circle."""


class Register:
    """A set of holdings, by table. The deployment has one (the functions of this module); a test may make its own."""

    def __init__(self) -> None:
        self._holdings: dict[str, Holding] = {}

    def register(self, *holdings: Holding) -> None:
        """Add holdings, all or none.

        Raises:
            DataMapError: a table or a prefix of partitions is claimed twice with different words. The very same holding again is
                harmless, since a module may be imported twice.
        """
        new = dict(self._holdings)
        for holding in holdings:
            known = new.setdefault(holding.table, holding)
            if known != holding:
                raise DataMapError(f"table {holding.table} is registered twice, differently")
        _refuse_overlaps(new, {holding.table for holding in holdings})
        self._holdings = new

    def holdings(self) -> tuple[Holding, ...]:
        """Return all holdings, by table name."""
        return tuple(self._holdings[table] for table in sorted(self._holdings))

    def holding(self, relation: str) -> Holding:
        """Return the holding that covers a table or partition.

        Raises:
            KeyError: nobody has registered it.
        """
        if relation in self._holdings:
            return self._holdings[relation]
        for holding in self._holdings.values():
            if holding.covers(relation):
                return holding
        raise KeyError(f"table {relation} is in no data map: register it in its slice's datamap module")

    def erasure_order(self) -> tuple[Holding, ...]:
        """Return all holdings, children before their parents; where free, by `erase_order` and then by name.

        Raises:
            DataMapError: a parent is registered by nobody, or tables are parents of each other in a circle.
        """
        children_left = _count_children(self._holdings)
        ready = [_rank(self._holdings[table]) for table, count in children_left.items() if count == 0]
        heapq.heapify(ready)
        order: list[Holding] = []
        while ready:
            holding = self._holdings[heapq.heappop(ready)[1]]
            order.append(holding)
            for parent in set(holding.parents):
                children_left[parent] -= 1
                if children_left[parent] == 0:
                    heapq.heappush(ready, _rank(self._holdings[parent]))
        if len(order) < len(self._holdings):
            circle = sorted(table for table, count in children_left.items() if count > 0)
            raise DataMapError(f"no order of erasure: these tables are in or behind a circle of parents: {', '.join(circle)}")
        return tuple(order)

    def differences(self, catalogue: Iterable[str]) -> Differences:
        """Compare with the relations that the live database has (tables and partitions, names without schema)."""
        relations = set(catalogue)
        unregistered = {relation for relation in relations if not self._covered(relation)}
        return Differences(tuple(sorted(unregistered)), tuple(sorted(set(self._holdings) - relations)))

    def _covered(self, relation: str) -> bool:
        return relation in self._holdings or any(holding.covers(relation) for holding in self._holdings.values())


def _rank(holding: Holding) -> tuple[int, str]:
    return holding.erase_order, holding.table


def _count_children(holdings: Mapping[str, Holding]) -> dict[str, int]:
    counts = dict.fromkeys(holdings, 0)
    for holding in holdings.values():
        for parent in set(holding.parents):
            if parent not in counts:
                raise DataMapError(f"table {holding.table} names the parent {parent}, which nobody has registered")
            counts[parent] += 1
    return counts


def _refuse_overlaps(holdings: Mapping[str, Holding], added: Collection[str]) -> None:
    """A partition prefix that covers another table would hide that table's absence from the map.

    Only pairs with one of the tables `added`: the others were compared before.
    """
    for holding in (one for one in holdings.values() if one.partitions):
        others = holdings.values() if holding.table in added else (holdings[table] for table in added)
        for other in others:
            if other is not holding and _covers(str(holding.partitions), other):
                raise DataMapError(f"the partitions of {holding.table} would also cover {other.table}: choose another prefix")


def _covers(prefix: str, other: Holding) -> bool:
    return other.table.startswith(prefix) or (other.partitions or "").startswith(prefix)


_REGISTER = Register()

register = _REGISTER.register
holdings = _REGISTER.holdings
holding = _REGISTER.holding
erasure_order = _REGISTER.erasure_order
differences = _REGISTER.differences


def holds(  # noqa: PLR0913 - one for each field of a holding
    table: str,
    data_class: DataClass,
    *,
    retention: str,
    eraser: Eraser,
    tenant_column: str | None = None,
    connection_column: str | None = None,
    parents: tuple[str, ...] = (),
    partitions: str | None = None,
    erase_order: int = 0,
    note: str = "",
    sealed_columns: tuple[tuple[str, str], ...] = (),
    expired_by: str = "",
) -> Holding:
    """Register one table and return its holding; the arguments are the fields of `Holding`."""
    made = Holding(
        table,
        data_class,
        retention=retention,
        eraser=eraser,
        tenant_column=tenant_column,
        connection_column=connection_column,
        parents=parents,
        partitions=partitions,
        erase_order=erase_order,
        note=note,
        sealed_columns=sealed_columns,
        expired_by=expired_by,
    )
    register(made)
    return made


def load(modules: Iterable[str]) -> tuple[Holding, ...]:
    """Import the modules that register (``theseller.ingest.datamap``), check the map as a whole, and return it.

    Raises:
        DataMapError: it has no order of erasure, or two slices claim the same table.
        ImportError: a module is missing.
    """
    for module in modules:
        importlib.import_module(module)
    erasure_order()
    return holdings()
