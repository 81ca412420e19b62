"""The SQL that every supported PostgreSQL parses.

What a later version brought is in a string, behind a check of the version.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import theseller

_SQL = sorted(Path(theseller.__file__).parent.rglob("*.sql"))
#: Grammar and names that PostgreSQL 15 lacks. An `if` does not help: PL/pgSQL parses the whole
#: block.
_LATER = re.compile(
    r"\bwith (inherit|set) (true|false|option)\b|\bpg_maintain\b|\bany_value\b|\bjson_table\b",
    re.IGNORECASE,
)
_STRING, _COMMENT = re.compile(r"'(?:[^']|'')*'"), re.compile(r"--[^\n]*")


@pytest.mark.parametrize("path", _SQL, ids=lambda path: path.name)
def test_every_file_is_parsed_by_postgresql_15(path: Path) -> None:
    plain = _STRING.sub("''", _COMMENT.sub("", path.read_text(encoding="utf-8")))
    assert _LATER.findall(plain) == []


def test_the_search_sees_what_it_must() -> None:
    assert _LATER.search("grant pg_maintain to x")
    assert _LATER.search("grant pg_checkpoint to x with inherit true")
    assert not _LATER.search("grant a to b with admin option")
