"""kill -9 at the statements of the deletion of a shop and of an account.

It always converges, and no record says what is not true.
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
        ("shop", 160, 160), ("person", 120, 96),
        pytest.param("shop", 160, 1, marks=_EVERY), pytest.param("person", 120, 1, marks=_EVERY),
    ],
)  # fmt: skip
def test_interrupted_deletion_is_completed_later(
    deployed: Deployment, act: str, boundaries: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill at boundaries, of which there are at least `boundaries`.

    With a stride, one in so many is tried.
    """
    monkeypatch.setitem(deployed.environ, "THESELLER_KILLS_STRIDE", str(stride))
    done = deployed.python(
        "tests.integration.erasure.deletion_kills", act, deployed.people()[0]["tenant"]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills\n")
    assert kills >= boundaries // stride
