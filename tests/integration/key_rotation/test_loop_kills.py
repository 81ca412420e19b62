"""kill -9 within the loops of every kind of rotation: continued, it converges.

Nothing is lost, and nothing stays under the old key.
"""

from __future__ import annotations

import json

import pytest
from tests.integration.deployment import Deployment

#: Loops that must have been cut at their first, a middle and their last record: step and operation.
_LOOPS = {
    "root-key": {"rewrap write"},
    "purpose-key:refresh_token": {"rewrap write", "retire erase"},
    "certificate-key": {"make sql", "retire write", "retire erase", "retire sql"},
    "connection-key": {"retire write", "retire erase"},
    "second-factor-key": {"reseal sql"},
}
_PEOPLE = (
    "from tests.operators import create_operator\nfor number in range(5):"
    " create_operator(name=f'loop{number}', operates=False)"
)

#: Tried by default, at the middle record of each loop; everything with `exhaustive`.
_LEAN = "root-key"


@pytest.mark.parametrize(
    ("name", "records"),
    [
        pytest.param(_LEAN, "middle"),
        *(pytest.param(one, "all", marks=pytest.mark.exhaustive) for one in _LOOPS),
    ],
)
def test_rotation_killed_within_its_loops_can_be_completed(
    deployed: Deployment, name: str, records: str
) -> None:
    full = (
        f"connection-key:{deployed.people()[0]['connection']}" if name == "connection-key" else name
    )
    if name == "second-factor-key":
        deployed.ask(_PEOPLE, role="web")
    done = deployed.python("tests.integration.key_rotation.loop_kills", full, records)
    assert done.returncode == 0, done.stdout + done.stderr
    *killed, counts = done.stdout.splitlines()
    sizes = {f"{step} {operation}": count for step, operation, count in json.loads(counts)}
    for loop in _LOOPS[name]:
        middle = sizes[loop] // 2
        wanted = {middle} if records == "middle" else {0, middle, sizes[loop] - 1}
        for place in ("before", "after") if loop.endswith("sql") else ("before", "within", "after"):
            assert {
                int(line.split()[2])
                for line in killed
                if line.startswith(f"{loop} ") and line.endswith(place)
            } == wanted
