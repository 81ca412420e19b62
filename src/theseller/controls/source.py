"""The program that runs, as a fact: its version by content, and what it imports. Evidence of another program is not this one's."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import theseller

PACKAGE = Path(theseller.__file__).resolve().parent
_MEASURED = (".py", ".sql", ".html")


@cache
def code_version() -> str:
    """Return 16 hex digits of a hash over every module, statement file and template of the running package."""
    digest = hashlib.sha256()
    for path in _files(_MEASURED):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def source_files() -> tuple[Path, ...]:
    """Return every file of the running package that people wrote."""
    return tuple(_files((*_MEASURED, ".js", ".css", ".json", ".toml", ".txt", ".md")))


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return what each module of the package imports, by its path below the package, full dotted names."""
    return {path.relative_to(PACKAGE).as_posix(): frozenset(_imported(path)) for path in _files((".py",))}


def _files(suffixes: tuple[str, ...]) -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*")) if path.suffix in suffixes and "__pycache__" not in path.parts and path.is_file())


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
