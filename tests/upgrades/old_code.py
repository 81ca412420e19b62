"""Deployments made by the code of an older commit: its own `theseller` on a state folder of its own, with today's requirements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.demo_deployment import inherited_environ

ROOT = Path(__file__).resolve().parents[2]
#: Commits after which no work landed for a while, and those that a review upgraded from. The newest
#: first.
LANDED = (
    "f873a1b",
    "0f3f037",
    "e653a27",
    "f21e9e4",
    "099dc02",
    "5e120a8",
    "c1d6b8a",
    "a70beea",
    "30698a9",
    "d19f61b",
    "fd6b618",
    "59f0025",
)


def source_of(commit: str, folder: Path) -> Path:
    """Return `src` of a commit, unpacked below `folder`; fail where the history is missing, as in a shallow clone."""
    target = folder / commit
    target.mkdir(mode=0o755)
    packed = subprocess.run(
        ["git", "archive", commit, "src"], cwd=ROOT, capture_output=True, check=False
    )
    if packed.returncode:
        pytest.fail(
            f"commit {commit} is not in this clone: run `git fetch --unshallow`, then again"
        )
    subprocess.run(["tar", "-x", "-C", str(target)], input=packed.stdout, check=True)
    return target / "src"


def theseller(source: Path, state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `theseller ARGUMENTS` of the code in `source` on the state folder."""
    environ = inherited_environ() | {
        "THESELLER_STATE": str(state),
        "THESELLER_ENV": "demo",
        "PYTHONPATH": str(source),
    }
    command = [sys.executable, "-m", "theseller.cli.main", "--debug", *arguments]
    return subprocess.run(
        command,
        cwd=state.parent,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
