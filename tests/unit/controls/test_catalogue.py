"""The catalogue is complete: every clause of the specification is on the page.

Once, in its section; what is proven says by what.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import theseller
from theseller.controls.catalogue import CATALOGUE, SECTIONS
from theseller.controls.catalogue.clauses_without_probe import PENDING
from theseller.controls.types import Control, EnforcementKind

_CLAUSES = Path(__file__).with_name("clauses.txt")
_ROOT = Path(theseller.__file__).parents[2]
CONTROLS = [entry.control for entry in CATALOGUE.values()]


def _clauses() -> list[tuple[int, str]]:
    return [
        (int(section), clause)
        for section, clause in (line.split() for line in _CLAUSES.read_text().splitlines())
    ]


def test_every_clause_has_exactly_one_control_or_pending_entry() -> None:
    shown = [
        *((control.section, control.id) for control in CONTROLS),
        *((one.section, one.id) for one in PENDING),
    ]
    assert len(shown) == len(set(shown))
    assert sorted(shown) == sorted(_clauses())
    assert {section for section, _ in shown} == set(SECTIONS)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_every_named_enforcement_of_a_control_exists(control: Control) -> None:
    assert control.enforced_by
    for named in control.enforced_by:
        if "/" in named or named.endswith((".toml", ".txt")):
            assert (_ROOT / named).exists() or (_ROOT / "src" / named).exists(), named
            continue
        module, _, thing = named.partition(":")
        found: object = importlib.import_module(module)
        for part in filter(None, thing.split(".")):
            found = getattr(found, part)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_every_control_has_citation_statement_owner_and_interval(control: Control) -> None:
    assert re.search(r"§\d+|preamble", control.citation)
    assert control.statement.endswith(".")
    assert not control.title.endswith(".")
    assert control.owner
    assert 0 < control.interval.total_seconds() <= 900
    assert isinstance(control.kind, EnforcementKind)


def test_every_pending_control_has_a_reason() -> None:
    for one in PENDING:
        assert one.reason.endswith(".")
        assert one.statement.endswith(".")
        assert not one.title.endswith(".")


def test_every_control_module_is_named_after_its_control_id() -> None:
    for control in CONTROLS:
        assert (
            importlib.import_module(
                f"theseller.controls.catalogue.{control.id.replace('-', '_')}"
            ).CONTROL
            is control
        )
