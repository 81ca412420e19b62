"""The catalog of controls: one file per clause with a probe.

A file has the name of its clause; `clauses_without_probe` lists the clauses without a probe.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from theseller.controls.types import CatalogueEntry

#: The sections of the page: number, then title and what it is about.
SECTIONS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        1: ("Acceptable use", "What Amazon's data may serve here, and what it never serves."),
        2: ("Authorization", "How access is given, how little is asked for, and how it ends."),
        3: ("Credentials", "What could open a seller's account, and how it is kept from doing so."),
        4: ("Network and isolation", "Who can reach what, and why one shop can't see another."),
        5: (
            "Buyers' personal data",
            "By default it is not asked for; what comes anyway is dropped before it is stored.",
        ),
        6: (
            "After you disconnect",
            "What is destroyed at once, what is erased later, and how that is proven.",
        ),
        7: ("Incidents", "What happens when something goes wrong, and by when."),
        8: (
            "Organizational change",
            "What Amazon is notified of when the service or its owner changes.",
        ),
        9: ("People", "Who may come near production, and how that ends."),
        10: ("Development", "How a change becomes the running program."),
        11: ("Backups", "Copies that end, and that have been restored."),
        12: ("Reporting a vulnerability", "How to tell us, and what then happens."),
        13: ("Contact", "Who answers for this."),
        14: ("This page", "Why you need not take our word for it."),
    }
)
_NO_CONTROL = {"clauses_without_probe"}


def _entries() -> Iterator[tuple[str, CatalogueEntry]]:
    for found in pkgutil.iter_modules(__path__):
        if found.name in _NO_CONTROL:
            continue
        module = importlib.import_module(f"{__name__}.{found.name}")
        if module.CONTROL.id != found.name.replace("_", "-"):
            raise ImportError(f"the file {found.name}.py must hold the clause of that name")
        yield module.CONTROL.id, CatalogueEntry(module.CONTROL, module.probe)


class _Catalogue(Mapping[str, CatalogueEntry]):
    """Every control by its ID.

    It is read at first use: the probes import modules that import this one.
    """

    def __init__(self) -> None:
        self._found: dict[str, CatalogueEntry] | None = None

    def _all(self) -> dict[str, CatalogueEntry]:
        if self._found is None:
            self._found = dict(_entries())
        return self._found

    def __getitem__(self, control: str) -> CatalogueEntry:
        return self._all()[control]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


CATALOGUE: Mapping[str, CatalogueEntry] = _Catalogue()
