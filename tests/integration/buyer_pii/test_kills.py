"""kill -9 while storing a recipient, turning the feature off and ending a day.

Before and after every statement: it always converges.
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
        ("keep", 15, 7), ("off", 20, 10), ("day", 10, 5),
        *(pytest.param(act, boundaries, 1, marks=_EVERY) for act,
            boundaries in (("keep", 15), ("off", 20), ("day", 10))),
    ],
)  # fmt: skip
def test_packing_slip_operation_killed_at_any_boundary_is_completed_later(
    deployed: Deployment, act: str, boundaries: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill at boundaries, of which there are at least `boundaries`.

    With a stride, one in so many is tried.
    """
    monkeypatch.setitem(deployed.environ, "THESELLER_KILLS_STRIDE", str(stride))
    done = deployed.python(
        "tests.integration.buyer_pii.kills", act, deployed.people()[0]["tenant"], role="worker"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills\n")
    assert kills >= boundaries // stride
