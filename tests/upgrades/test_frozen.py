"""A migration that has landed is never edited.

Databases that applied it would never receive the change.
"""

from __future__ import annotations

from tests.upgrades.frozen import present, recorded


def test_no_landed_migration_was_edited() -> None:
    here = present()
    changed = sorted(path for path, value in recorded().items() if here.get(path) != value)
    assert not changed, (
        f"{', '.join(changed)} landed and was edited or removed since. A database that applied it"
        " never applies it again: undo that, and write a new migration with a new SQL file"
        " (docs/develop/migrations.md)"
    )


def test_the_record_names_every_migration_of_the_first_release() -> None:
    assert {
        "tenancy/migrations/0001_initial.py",
        "tenancy/sql/guard.sql",
        "ingest/sql/tables.sql",
    } <= set(recorded())
