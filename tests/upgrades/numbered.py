"""Numbered releases: their records, the commits that hold their code, and migrations since."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.upgrades.frozen import SOURCE, recorded

_RECORD = Path(__file__).parent / "numbered.json"
_CREATED = re.compile(
    r"\bcreate\s+(?:unlogged\s+)?table\s+(?:if not exists\s+)?([\w.]+)", re.IGNORECASE
)
_INDEX = re.compile(
    r"\bcreate\s+(?:unique\s+)?index\s+(?!concurrently)(?:if not exists\s+)?\w+\s+on\s+(?:only\s+)?([\w.]+)",
    re.IGNORECASE,
)
_CONSTRAINT = re.compile(
    r"\balter\s+table\s+(?:only\s+)?([\w.]+)[^;]*?\badd\s+constraint\b(?![^;]*\bnot\s+valid\b)",
    re.IGNORECASE,
)
_REWRITES = re.compile(
    r"\b(vacuum\s+full|cluster|lock\s+table|alter\s+column\s+\w+\s+(?:set\s+data\s+)?type"
    r"|set\s+lock_timeout)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A recorded release: its number, its commit, and the name of its record in `releases/`."""

    release: int
    commit: str
    record: str


def numbered() -> tuple[Numbered, ...]:
    """Return the recorded releases that have a number, oldest first."""
    return tuple(Numbered(**one) for one in json.loads(_RECORD.read_text()))


def new_migrations() -> Iterator[tuple[str, Any]]:
    """Yield the migrations that were added since the last record, each with its class."""
    for path in sorted(SOURCE.glob("*/migrations/[0-9]*.py")):
        name = str(path.relative_to(SOURCE))
        if name not in recorded():
            module = importlib.import_module(
                f"theseller.{name.removesuffix('.py').replace('/', '.')}"
            )
            yield name, module.Migration


def new_sql() -> Mapping[str, str]:
    """Return the SQL files of migrations that were added since the last record."""
    return {
        name: path.read_text()
        for path in sorted(SOURCE.glob("*/sql/*.sql"))
        if (name := str(path.relative_to(SOURCE))) not in recorded()
        and path.relative_to(SOURCE).parts[0] != "postgres"
    }


def long_locks(sql: str) -> list[str]:
    """Return the statements that keep others from a table for as long as it is large."""
    text = _COMMENT.sub("", sql)
    made = {_short(name) for name in _CREATED.findall(text)}
    found = [
        f"an index of {table}: CreateIndexConcurrently"
        for table in _INDEX.findall(text)
        if _short(table) not in made
    ]
    found += [
        f"a constraint of {table}: add it `not valid`, and validate it in the next migration"
        for table in _CONSTRAINT.findall(text)
        if _short(table) not in made
    ]
    return found + [f"`{match[0]}`" for match in _REWRITES.finditer(text)]


def _short(table: str) -> str:
    return table.removeprefix("public.")
