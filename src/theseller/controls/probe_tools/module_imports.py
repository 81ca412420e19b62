"""Find what each module of the running program imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from theseller.lib.code_version import PACKAGE, file_names


@cache
def module_imports() -> dict[str, frozenset[str]]:
    """Return the imports of each module, by its path in the package.

    Full dotted names.
    """
    return {
        name: frozenset(_imported(Path(PACKAGE, name)))
        for name in file_names()
        if name.endswith(".py")
    }


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
