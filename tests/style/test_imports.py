"""Every import of the program that scripts, benchmarks and documents name can be made.

Types and linters see only src, tests and tools: an import within a shell script, a template or a
document would otherwise break unseen when a module is renamed.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmarks", "bin", "docs", "tests/platforms", "tests/upgrades", "tools")
#: `from theseller.a.b import c, d as e` on a line, also with the names in parentheses.
IMPORT = re.compile(r"from (theseller(?:\.\w+)+) import (\([^)]*\)|[\w, ]+)")
MODULE = re.compile(r"(?:^|[^\w.])(?:import|-m) (theseller(?:\.\w+)+)")


def imports(text: str) -> set[tuple[str, str]]:
    """Return pairs of a module and a name imported from it; the name is empty for the module itself."""
    found = {(module, "") for module in MODULE.findall(text)}
    for module, names in IMPORT.findall(text):
        for name in re.sub(r"#.*", "", names).strip("()").split(","):
            if name.strip():
                found.add((module, name.split(" as ")[0].strip()))
    return found


def is_there(module: str, name: str) -> bool:
    """Return whether the module exists and has that name, which may be a module below it."""
    try:
        if importlib.util.find_spec(module) is None:
            return False
        if not name or importlib.util.find_spec(f"{module}.{name}") is not None:
            return True
    except ModuleNotFoundError:
        pass
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


def test_imports_outside_the_checked_folders_exist() -> None:
    read = 0
    missing: list[str] = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if not path.is_file() or path.suffix in {".pyc", ".gz", ".png"}:
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            for module, name in sorted(imports(text)):
                read += 1
                if not is_there(module, name):
                    missing.append(f"{path.relative_to(ROOT)}: {module} {name}")
    assert not missing, "\n".join(missing)
    assert read > 50, "the folders with scripts and benchmarks were not read"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("from theseller.crypto.root_keys import new_root_key", False),
        ("from theseller.crypto import root_keys as keys", False),
        ("from theseller.crypto.root_keys import (\n    ROOT_KEY_NAME,  # why\n    parse_root_keys,\n)", False),
        ("python -m theseller.cli", False),
        ("from theseller.crypto.root_keys import old_root_key", True),
        ("from theseller.crypto.no_such_module import new_root_key", True),
        ("import theseller.no_such_package.module", True),
    ],
)  # fmt: skip
def test_import_that_cannot_be_made_is_found(text: str, *, missing: bool) -> None:
    found = imports(text)
    assert found
    assert any(not is_there(*one) for one in found) == missing
