"""A copy that differs in a row, a sequence or a right is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from theseller.cli import database_move
from theseller.cli.errors import CommandError
from theseller.postgres.database_content_digest import Content, TableContent

_CONTENT = Content(
    tables={"public.a": TableContent(2, "7"), "public.b": TableContent(0, "0")},
    sequences={"guard.s": "4"},
    rights=(
        "role other: may sign in",
        "role theseller_backup: may sign in, replicates",
        "role theseller_web: may sign in",
        "theseller_web may connect on database (this one)",
        "theseller_web may select on table public.a",
    ),
)


@pytest.mark.parametrize(
    ("copy", "what"),
    [
        (replace(_CONTENT, tables={"public.a": _CONTENT.tables["public.a"]}), "table public.b"),
        (
            replace(_CONTENT, tables={**_CONTENT.tables, "public.a": TableContent(1, "7")}),
            "table public.a",
        ),
        (
            replace(_CONTENT, tables={**_CONTENT.tables, "public.a": TableContent(2, "8")}),
            "table public.a",
        ),
        (
            replace(_CONTENT, tables={**_CONTENT.tables, "public.c": TableContent(1, "1")}),
            "table public.c",
        ),
        (replace(_CONTENT, sequences={"guard.s": "5"}), "sequence guard.s"),
    ],
)
def test_copy_with_other_rows_or_sequences_is_refused(copy: Content, what: str) -> None:
    database_move.compare_rows(_CONTENT, _CONTENT)
    with pytest.raises(CommandError, match=what):
        database_move.compare_rows(_CONTENT, copy)


@pytest.mark.parametrize("line", [_CONTENT.rights[2], _CONTENT.rights[4]])
def test_copy_with_other_rights_is_refused(line: str) -> None:
    fewer = replace(_CONTENT, rights=tuple(one for one in _CONTENT.rights if one != line))
    for before, after in ((_CONTENT, fewer), (fewer, _CONTENT)):
        with pytest.raises(CommandError, match=f"right {line}"):
            database_move._compare_rights(before, after)


def test_rights_that_a_move_changes_are_not_compared() -> None:
    moved = replace(_CONTENT, rights=(_CONTENT.rights[2], _CONTENT.rights[4]))
    database_move._compare_rights(_CONTENT, moved)
