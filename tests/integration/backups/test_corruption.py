"""The drill and the restore notice any damage to a backup before they accept it."""

from __future__ import annotations

import json
import sys

import pytest
from tests.integration.deployment import Deployment

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("stride", "others", "least"),
    [(16, 2, 16), pytest.param(1, 1, 80, marks=pytest.mark.exhaustive)],
)
def test_every_corruption_of_a_backup_is_detected_by_drill_or_restore(
    deployed: Deployment, stride: int, others: int, least: int
) -> None:
    done = deployed.python("tests.integration.backups.corruption", str(stride), str(others))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    matrix = [json.loads(line) for line in done.stdout.splitlines()]
    for row in matrix:
        sys.stdout.write(
            f"{row['damage']:60} drill: {row['drill'] or '-':100} restore:"
            f" {row['restore'] or '-'}\n"
        )
    sys.stdout.write(f"{len(matrix)} damages tried\n")
    assert len(matrix) >= least
    unnoticed = [row["damage"] for row in matrix if "" in (row["drill"], row["restore"])]
    assert not unnoticed
    clumsy = [
        row
        for row in matrix
        for said in (row["drill"], row["restore"])
        if said and ("Traceback" in said or "Error" in said)
    ]
    assert not clumsy, "a finding is no sentence"
