"""The commands of docs/operate/container.md bring what later commands need."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_DOCUMENTS = _ROOT / "docs" / "operate"


def _lines(pattern: str) -> list[str]:
    found = re.findall(pattern, (_DOCUMENTS / "container.md").read_text(), re.MULTILINE)
    assert found, pattern
    return [str(one) for one in found]


@pytest.mark.parametrize("source", ["a release", "a clone"])
def test_the_machine_has_the_files_of_the_edge_and_of_the_containers(
    source: str, tmp_path: Path
) -> None:
    target, folder = tmp_path / "opt", _ROOT
    target.mkdir()
    if source == "a release":
        folder = tmp_path
        with tarfile.open(folder / "theseller-0.1.0.tar.gz", "w:gz") as archive:
            archive.add(_ROOT / "deploy", "theseller-0.1.0/deploy")
        commands = _lines(r"^tar -x -f theseller.*$")
    else:
        commands = _lines(r"^(?:mkdir -p /opt/theseller/releases /opt.*|cp .*deploy/.*)$")
    for command in commands:
        there = command.replace("/opt/theseller", str(target))
        subprocess.run(["sh", "-ec", there], cwd=folder, check=True)
    edge = (_DOCUMENTS / "edge.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", edge, re.MULTILINE | re.DOTALL)
    needed = set(re.findall(r"\bdeploy/\S+", block))
    assert needed >= {"deploy/edge/waf", "deploy/edge/theseller.conf"}
    for path in (*needed, "compose.yaml", "theseller"):
        assert (target / path).exists(), path
