"""The register of table descriptors, filled at import time."""

from __future__ import annotations

import heapq
import importlib
from collections.abc import Collection, Iterable, Mapping

from theseller.datamap.types import (
    Column,
    CrossTenantFunction,
    DataClass,
    Differences,
    Eraser,
    TableDescriptor,
)


class DataMapError(Exception):
    """The map contradicts itself.

    A table twice, an unregistered parent, or parents in a cycle.
    """


class TableRegistry:
    """A set of table descriptors.

    The deployment has one (the functions of this module); a test may make its own.
    """

    def __init__(self) -> None:
        self._descriptors: dict[str, TableDescriptor] = {}

    def register(self, *descriptors: TableDescriptor) -> None:
        """Add descriptors, all or none.

        Raises:
            DataMapError: a table or a prefix of partitions is claimed twice differently. The very
                same descriptor again is harmless, since a module may be imported twice.
        """
        new = dict(self._descriptors)
        for descriptor in descriptors:
            known = new.setdefault(descriptor.table, descriptor)
            if known != descriptor:
                raise DataMapError(f"table {descriptor.table} is registered twice, differently")
        _refuse_overlaps(new, {descriptor.table for descriptor in descriptors})
        self._descriptors = new

    def descriptors(self) -> tuple[TableDescriptor, ...]:
        """Return all descriptors, by table name."""
        return tuple(self._descriptors[table] for table in sorted(self._descriptors))

    def descriptor(self, relation: str) -> TableDescriptor:
        """Return the descriptor that covers a table or partition.

        Raises:
            KeyError: it is not registered.
        """
        if relation in self._descriptors:
            return self._descriptors[relation]
        for descriptor in self._descriptors.values():
            if descriptor.covers(relation):
                return descriptor
        raise KeyError(
            f"table {relation} is in no data map: describe it in its package's datamap module"
        )

    def erasure_order(self) -> tuple[TableDescriptor, ...]:
        """Return all descriptors, children before their parents.

        Where the parents leave a choice, by `erase_order` and then by name.

        Raises:
            DataMapError: a parent is not registered, or tables are parents of each other in a
                cycle.
        """
        children_left = _count_children(self._descriptors)
        ready = [
            _rank(self._descriptors[table]) for table, count in children_left.items() if count == 0
        ]
        heapq.heapify(ready)
        order: list[TableDescriptor] = []
        while ready:
            descriptor = self._descriptors[heapq.heappop(ready)[1]]
            order.append(descriptor)
            for parent in set(descriptor.parents):
                children_left[parent] -= 1
                if children_left[parent] == 0:
                    heapq.heappush(ready, _rank(self._descriptors[parent]))
        if len(order) < len(self._descriptors):
            cycle = sorted(table for table, count in children_left.items() if count > 0)
            raise DataMapError(
                "no order of erasure: these tables are in or behind a cycle of parents:"
                f" {', '.join(cycle)}"
            )
        return tuple(order)

    def differences(self, catalogue: Iterable[str]) -> Differences:
        """Compare with the tables and partitions of the live database.

        Args:
            catalogue: their names without schema.
        """
        relations = set(catalogue)
        unregistered = {relation for relation in relations if not self._covered(relation)}
        return Differences(
            tuple(sorted(unregistered)), tuple(sorted(set(self._descriptors) - relations))
        )

    def _covered(self, relation: str) -> bool:
        return relation in self._descriptors or any(
            descriptor.covers(relation) for descriptor in self._descriptors.values()
        )


def _rank(descriptor: TableDescriptor) -> tuple[int, str]:
    return descriptor.erase_order, descriptor.table


def _count_children(descriptors: Mapping[str, TableDescriptor]) -> dict[str, int]:
    counts = dict.fromkeys(descriptors, 0)
    for descriptor in descriptors.values():
        for parent in set(descriptor.parents):
            if parent not in counts:
                raise DataMapError(
                    f"table {descriptor.table} names the parent {parent}, which is not registered"
                )
            counts[parent] += 1
    return counts


def _refuse_overlaps(descriptors: Mapping[str, TableDescriptor], added: Collection[str]) -> None:
    """Refuse a partition prefix that covers another table.

    It would hide that table's absence from the map. Only pairs with one of the tables `added`: the
    others were compared before.

    Raises:
        DataMapError: a prefix covers another table.
    """
    for descriptor in (one for one in descriptors.values() if one.partitions):
        others = (
            descriptors.values()
            if descriptor.table in added
            else (descriptors[table] for table in added)
        )
        for other in others:
            if other is not descriptor and _covers(str(descriptor.partitions), other):
                raise DataMapError(
                    f"the partitions of {descriptor.table} would also cover {other.table}: choose"
                    " another prefix"
                )


def _covers(prefix: str, other: TableDescriptor) -> bool:
    return other.table.startswith(prefix) or (other.partitions or "").startswith(prefix)


_REGISTRY = TableRegistry()

register = _REGISTRY.register
descriptors = _REGISTRY.descriptors
descriptor = _REGISTRY.descriptor
erasure_order = _REGISTRY.erasure_order
differences = _REGISTRY.differences


def describe_table(  # noqa: PLR0913
    table: str,
    data_class: DataClass,
    *,
    retention: str,
    eraser: Eraser,
    columns: str = "",
    indexes: str = "",
    tenant_column: str | None = None,
    connection_column: str | None = None,
    parents: tuple[str, ...] = (),
    partitions: str | None = None,
    erase_order: int = 0,
    note: str = "",
    sealed_columns: tuple[tuple[str, str], ...] = (),
    expired_by: str = "",
    age_column: str | None = None,
    date_column: str | None = None,
    inventory_category: str = "",
    functions: tuple[CrossTenantFunction, ...] = (),
    grants: tuple[tuple[str, str], ...] = (),
) -> TableDescriptor:
    """Register one table and return its descriptor.

    The arguments are the fields of `TableDescriptor`; `columns` and `indexes` are words
    (`read_columns`, `read_indexes`).
    """
    made = TableDescriptor(
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
        columns=read_columns(columns),
        indexes=read_indexes(table, indexes),
        age_column=age_column,
        date_column=date_column or age_column,
        inventory_category=inventory_category,
        functions=functions,
        grants=grants,
    )
    register(made)
    return made


def read_columns(words: str) -> tuple[Column, ...]:
    """Return the columns of `words`, names separated by white space.

    A name has its data class after a colon if it differs from the table's.
    """
    parts = (word.partition(":") for word in words.split())
    return tuple(Column(name, DataClass(given) if given else None) for name, _, given in parts)


def read_indexes(table: str, words: str) -> tuple[str, ...]:
    """Return the names of the indexes of `words`; ``_x`` is ``<table>_x``."""
    name = table.rpartition(".")[2]
    return tuple(name + word if word.startswith("_") else word for word in words.split())


def load(modules: Iterable[str]) -> tuple[TableDescriptor, ...]:
    """Import the modules that register, check the whole map, and return it.

    Args:
        modules: such as ``theseller.ingest.datamap``.

    Raises:
        DataMapError: it has no order of erasure, or two packages claim the same table.
        ImportError: a module is missing.
    """
    for module in modules:
        importlib.import_module(module)
    erasure_order()
    return descriptors()
