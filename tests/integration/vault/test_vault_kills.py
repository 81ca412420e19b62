"""kill -9 before and after every statement of keeping a recipient, turning the feature off and ending a day: it always converges."""

from __future__ import annotations

import sys

import pytest
from tests.integration.governance.deployment import Deployment

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(("act", "role", "at_least"), [("keep", "worker", 15), ("off", "worker", 20), ("day", "worker", 10)])
def test_whatever_is_killed_anywhere_converges(deployed: Deployment, act: str, role: str, at_least: int) -> None:
    done = deployed.python("tests.integration.vault.kills", act, deployed.people()[0]["tenant"], role=role)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.split()[-1])
    sys.stdout.write(f"{act}: {kills} kills\n")
    assert kills >= at_least
