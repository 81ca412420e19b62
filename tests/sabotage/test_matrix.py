"""`docs/sabotage.md` is the list of saboteurs, generated.

With THESELLER_WRITE_DOCS=1 this test writes it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.sabotage.acts import SABOTEURS
from tests.sabotage.saboteurs import Saboteur

from theseller.controls.catalogue import CATALOGUE
from theseller.controls.catalogue.clauses_without_probe import PENDING
from theseller.controls.types import Status

_PAGE = Path(__file__).parents[2] / "docs" / "sabotage.md"
_HEAD = """# Sabotage: what turns each control red

Every control of the security page has at least one saboteur: a test that breaks the real thing (a
row, a grant, a policy, a file, the running program) in a deployment where all controls are met (two
of them declared in part), runs its probe and by turns one in 80 of the others (all of them in `make
test-exhaustive`), and asserts that exactly this control is Broken and every other that was probed
is as it was; where one promises the same thing in other words, or can't see while that is broken,
the list names it, and it must say Broken or Unknown. Then it repairs what it broke and sees green
again. `tests/sabotage/test_controls.py` does that; this page is its list.

What else keeps a passing mark true (`tests/sabotage/test_evidence.py`): evidence that is too old,
of another version of the program, or dated in the future is not green; a probe that fails or looked
at nothing is Unknown; no role but the probe's adds evidence, and none changes it.
"""


def _lines() -> Iterator[str]:
    yield _HEAD
    for control in sorted(CATALOGUE, key=lambda name: (CATALOGUE[name].control.section, name)):
        yield f"## {control}\n\n{CATALOGUE[control].control.title}. Red when a test …\n"
        mine = [saboteur for saboteur in SABOTEURS if saboteur.control == control]
        yield from (
            f"- {saboteur.does}{_besides(saboteur)}"
            for saboteur in mine
            if saboteur.turns is Status.FAILED
        )
        if blinding := [saboteur for saboteur in mine if saboteur.turns is Status.UNKNOWN]:
            yield "\nUnknown, because its probe can't see, when a test …\n"
            yield from (f"- {saboteur.does}{_besides(saboteur)}" for saboteur in blinding)
        yield ""
    yield (
        f"{len(SABOTEURS)} saboteurs, {len(CATALOGUE)} controls. {len(PENDING)} clauses have no"
        " probe yet; the page says so of each."
    )


def _besides(saboteur: Saboteur) -> str:
    notes = [f"red as well: {', '.join(saboteur.also)}"] if saboteur.also else []
    notes += [f"meanwhile Unknown: {', '.join(saboteur.blinds)}"] if saboteur.blinds else []
    return f" ({'; '.join(notes)})" if notes else ""


def test_saboteur_matrix_page_equals_the_list_of_saboteurs() -> None:
    written = "\n".join(_lines()) + "\n"
    if os.environ.get("THESELLER_WRITE_DOCS"):
        _PAGE.write_text(written)
    assert _PAGE.read_text() == written, (
        "write it again: THESELLER_WRITE_DOCS=1 pytest tests/sabotage/test_matrix.py"
    )
