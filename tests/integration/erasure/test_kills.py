"""kill -9 at steps of a backup, at statements of an erasure, and at random instants.

At one in three steps of taking and ending a backup and statements of disconnecting, and fewer of
purging: it always converges. The marker `exhaustive` has every step and statement, and more
instants.
"""

from __future__ import annotations

import sys

import pytest
from tests.integration.deployment import Deployment

pytestmark = pytest.mark.timeout(900)
_EVERY = [pytest.mark.exhaustive, pytest.mark.timeout(7200)]


@pytest.mark.parametrize(
    ("act", "boundaries", "stride"),
    [
        ("backup", 10, 3),
        ("prune", 8, 3),
        ("disconnect", 10, 3),
        ("purge", 200, 96),
        pytest.param("backup", 10, 1, marks=_EVERY),
        pytest.param("prune", 8, 1, marks=_EVERY),
        pytest.param("disconnect", 10, 1, marks=_EVERY),
        pytest.param("purge", 200, 1, marks=_EVERY),
    ],
)
def test_erasure_killed_at_any_boundary_is_completed_later(
    deployed: Deployment, act: str, boundaries: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill at boundaries, of which there are at least `boundaries`.

    With a stride, one in so many is tried.
    """
    person = deployed.people()[0]
    role = "web" if act == "disconnect" else "worker"
    monkeypatch.setitem(deployed.environ, "THESELLER_KILLS_STRIDE", str(stride))
    done = deployed.python(
        "tests.integration.erasure.kills", act, person["tenant"], person["person"], role=role
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills\n")
    assert kills >= boundaries // stride


@pytest.mark.parametrize(
    ("act", "rounds"),
    [
        ("backup", 2),
        ("disconnect", 2),
        ("purge", 1),
        *(pytest.param(act, 200, marks=_EVERY) for act in ("backup", "disconnect", "purge")),
    ],
)
def test_erasure_killed_at_random_times_is_completed_later(
    deployed: Deployment, act: str, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill in `rounds` rounds, and in more until one of them was killed before its end."""
    if rounds < 100:  # The same parts of the time in each run; `exhaustive` draws others.
        monkeypatch.setitem(deployed.environ, "THESELLER_KILLS_SEED", "1")
    person = deployed.people()[1]  # the other test's shop takes one of some rows only
    role = "web" if act == "disconnect" else "worker"
    done = deployed.python(
        "tests.integration.erasure.random_kills",
        act,
        person["tenant"],
        person["person"],
        str(rounds),
        role=role,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seed, kills = done.stdout.split()[1], int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills in {rounds} rounds, seed {seed}\n")
    assert kills > 0
