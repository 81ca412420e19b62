"""Each control turns red when its promise is broken, and no other changes. Then it is repaired and green again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sabotage.acts import SABOTEURS
from tests.sabotage.deployment import Deployment, evidence_of, probe_all
from tests.sabotage.saboteurs import Saboteur, Superuser, Tools

from theseller.controls.catalogue import CATALOGUE
from theseller.controls.operations import run_control
from theseller.controls.types import Status
from theseller.lib import clock

#: Declared in part and not met: an operator noted the ages of the tests' own passwords, and which roles Amazon registered.
GREEN = {**dict.fromkeys(CATALOGUE, Status.MET), **dict.fromkeys(("auth-minimum-roles", "cred-rotation"), Status.DECLARED)}


def test_everything_is_green_before(deployment: Deployment) -> None:
    found = probe_all()
    assert found == GREEN, {control: evidence_of(control) for control, outcome in found.items() if outcome is not GREEN[control]}


@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda saboteur: f"{saboteur.control}: {saboteur.does}")
def test_a_saboteur_turns_its_control_red_and_no_other(
    saboteur: Saboteur, deployment: Deployment, superuser: Superuser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch, saboteur.act(Tools(deployment, superuser, patch, tmp_path)):
        found = probe_all()
    changed = {control: (outcome, evidence_of(control)) for control, outcome in found.items() if outcome is not GREEN[control]}
    assert {control: outcome for control, (outcome, _) in changed.items()} == {
        **dict.fromkeys((saboteur.control, *saboteur.also), saboteur.turns),
        **dict.fromkeys(saboteur.blinds, Status.UNKNOWN),
    }, changed
    for one in saboteur.also:
        assert run_control(one, at=clock.now()).outcome is Status.MET, evidence_of(one)
    # The next saboteur begins by running all the others' probes, so that what this one left behind would show there.
    assert run_control(saboteur.control, at=clock.now()).outcome is Status.MET, evidence_of(saboteur.control)


def test_everything_is_green_again(deployment: Deployment) -> None:
    assert probe_all() == GREEN


def test_every_control_has_a_saboteur() -> None:
    assert {saboteur.control for saboteur in SABOTEURS if saboteur.turns is Status.BROKEN} == set(CATALOGUE)
