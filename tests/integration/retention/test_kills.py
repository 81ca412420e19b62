"""kill -9 at every step of taking and ending a backup, at every statement of disconnecting and purging, and at instants that chance chooses:
it always converges. THESELLER_KILLS_MORE=20 makes twenty times as many of the last.
"""

from __future__ import annotations

import os
import sys

import pytest
from tests.integration.governance.deployment import Deployment

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(("act", "at_least"), [("backup", 10), ("prune", 8), ("disconnect", 10), ("purge", 50)])
def test_whatever_is_killed_anywhere_converges(deployed: Deployment, act: str, at_least: int) -> None:
    person = deployed.people()[0]
    role = "web" if act == "disconnect" else "worker"
    done = deployed.python("tests.integration.retention.kills", act, person["tenant"], person["person"], role=role)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills\n")
    assert kills >= at_least


@pytest.mark.parametrize(("act", "rounds"), [("backup", 16), ("disconnect", 20), ("purge", 8)])
def test_whatever_is_killed_at_any_instant_converges(deployed: Deployment, act: str, rounds: int) -> None:
    person = deployed.people()[1]  # the other test's shop has room for one of some rows only
    role, rounds = "web" if act == "disconnect" else "worker", rounds * int(os.environ.get("THESELLER_KILLS_MORE") or 1)
    done = deployed.python("tests.integration.retention.instants", act, person["tenant"], person["person"], str(rounds), role=role)
    assert done.returncode == 0, done.stdout + done.stderr
    seed, kills = done.stdout.split()[1], int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills in {rounds} rounds, seed {seed}\n")
    assert kills > 0, f"chance killed nothing in {rounds} rounds, seed {seed}"
