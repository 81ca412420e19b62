"""The lists of pinned packages.

Whatever is installed beside the program, the program's own packages are there, at the same
versions.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[3] / "requirements"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)


def _pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes of each package of one list."""
    text = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return {
        package: (version, frozenset(re.findall(r"sha256:[0-9a-f]{64}", rest)))
        for package, version, rest in _PIN.findall(text)
    }


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in _FOLDER.glob("*.txt") if path.stem != "run")
)
def test_every_list_holds_the_programs_own_packages(name: str) -> None:
    run, found = _pins("run"), _pins(name)
    assert len(run) > 20
    assert {package: found.get(package) for package in run} == run


def test_every_pin_has_hashes() -> None:
    for path in _FOLDER.glob("*.txt"):
        pins = _pins(path.stem)
        assert pins
        assert [package for package, (_version, hashes) in pins.items() if not hashes] == []


def test_every_declared_dependency_is_pinned() -> None:
    project = tomllib.loads((_FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    wanted = {"run": project["dependencies"], **project["optional-dependencies"]}
    assert {"run", "aws", "vault", "tracing", "dev"} <= wanted.keys()
    for name, declared in wanted.items():
        names = {re.split(r"[\[<>=!~; ]", one, maxsplit=1)[0].lower() for one in declared}
        assert names - {package.lower() for package in _pins(name)} == set(), name
