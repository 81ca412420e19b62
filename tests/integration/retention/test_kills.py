"""kill -9 at every step of taking and ending a backup, and at every statement of disconnecting and purging: it always converges."""

from __future__ import annotations

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
