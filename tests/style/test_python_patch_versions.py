"""Nothing of the standard library that came in a patch release is used.

Debian 12's Python is 3.11.2, and mypy knows minor versions only.
"""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Keyword arguments that a patch release of 3.11 or later brought, by the function's last name.
KEYWORDS = {
    ("extractall", "filter"): "3.11.4",
    ("extract", "filter"): "3.11.4",
    ("unpack_archive", "filter"): "3.11.4",
    ("getaddresses", "strict"): "3.11.10",
    ("parseaddr", "strict"): "3.11.10",
}
#: Names that a patch release brought, wherever they are used.
NAMES = {
    "data_filter": "3.11.4",
    "tar_filter": "3.11.4",
    "fully_trusted_filter": "3.11.4",
    "extraction_filter": "3.11.4",
    "SetReparseDeferralEnabled": "3.11.9",
    "GetReparseDeferralEnabled": "3.11.9",
    "verify_generated_headers": "3.11.10",
}


def _files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def newer_than_3_11_0(tree: ast.AST) -> list[str]:
    """Return what `tree` uses that Python 3.11.0 doesn't have, with the release that brought it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else node.func.id
                if isinstance(node.func, ast.Name)
                else ""
            )
            found += [
                f"line {node.lineno}: {called}({one.arg}=…) came with Python"
                f" {KEYWORDS[called, one.arg]}"
                for one in node.keywords
                if one.arg and (called, one.arg) in KEYWORDS
            ]
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            found.append(f"line {node.lineno}: {node.attr} came with Python {NAMES[node.attr]}")
    return found


def test_the_code_runs_on_python_3_11_0() -> None:
    used = {
        str(path.relative_to(ROOT)): newer_than_3_11_0(ast.parse(path.read_text()))
        for path in _files()
    }
    assert {path: found for path, found in used.items() if found} == {}


@pytest.mark.parametrize(
    "line",
    [
        "archive.extractall(folder, filter='data')",
        "tarfile.data_filter(a, b)",
        "unpack_archive('x', filter=f)",
    ],
)
def test_use_of_a_feature_newer_than_python_3_11_0_is_detected(line: str) -> None:
    assert len(newer_than_3_11_0(ast.parse(line))) == 1
