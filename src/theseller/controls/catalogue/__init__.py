"""The catalog of controls: one file per clause with a probe.

A file has the name of its clause; `clauses_without_probe` lists the clauses without a probe.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from theseller.controls.types import CatalogueEntry
from theseller.lib.translation_marks import gettext_noop

#: The sections of the page: number, then title and what it is about.
SECTIONS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        1: (
            gettext_noop("Acceptable use"),
            gettext_noop("What Amazon's data may serve here, and what it never serves."),
        ),
        2: (
            gettext_noop("Authorization"),
            gettext_noop("How access is given, how little is asked for, and how it ends."),
        ),
        3: (
            gettext_noop("Credentials"),
            gettext_noop("What could open a seller's account, and how it is kept from doing so."),
        ),
        4: (
            gettext_noop("Network and isolation"),
            gettext_noop("Who can reach what, and why one shop can't see another."),
        ),
        5: (
            gettext_noop("Buyers' personal data"),
            gettext_noop(
                "By default it is not asked for; what comes anyway is dropped before it is stored."
            ),
        ),
        6: (
            gettext_noop("After you disconnect"),
            gettext_noop(
                "What is destroyed at once, what is erased later, and how that is proven."
            ),
        ),
        7: (
            gettext_noop("Incidents"),
            gettext_noop("What happens when something goes wrong, and by when."),
        ),
        8: (
            gettext_noop("Organizational change"),
            gettext_noop("What Amazon is notified of when the service or its owner changes."),
        ),
        9: (
            gettext_noop("People"),
            gettext_noop("Who may come near production, and how that ends."),
        ),
        10: (
            gettext_noop("Development"),
            gettext_noop("How a change becomes the running program."),
        ),
        11: (
            gettext_noop("Backups"),
            gettext_noop("Copies that end, and that have been restored."),
        ),
        12: (
            gettext_noop("Reporting a vulnerability"),
            gettext_noop("How to tell us, and what then happens."),
        ),
        13: (gettext_noop("Contact"), gettext_noop("Who answers for this.")),
        14: (gettext_noop("This page"), gettext_noop("Why you need not take our word for it.")),
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
