"""kill -9 at the statements of a shop's end and a person's: it always converges, and nothing is said that isn't so."""

from __future__ import annotations

import sys

import pytest
from tests.integration.governance.deployment import Deployment

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(("act", "at_least"), [("shop", 40), ("person", 30)])
def test_whatever_end_is_killed_anywhere_converges(deployed: Deployment, act: str, at_least: int) -> None:
    done = deployed.python("tests.integration.retention.end_kills", act, deployed.people()[0]["tenant"])
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills\n")
    assert kills >= at_least
