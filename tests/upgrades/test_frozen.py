"""A migration that has landed is never edited.

Databases that applied it would never receive the change.
"""

from __future__ import annotations

import os

from tests.upgrades.frozen import add_landed, landed, present, recorded


def test_no_landed_migration_was_edited() -> None:
    here = present()
    changed = sorted(path for path, value in landed().items() if here.get(path) != value)
    assert not changed, (
        f"{', '.join(changed)} landed and was edited or removed since. A database that applied it"
        " never applies it again: undo that, and write a new migration with a new SQL file"
        " (docs/develop/migrations.md). If it is of this change and has not landed: remove it from"
        " tests/upgrades/landed.json, then run bin/regenerate"
    )


def test_every_migration_has_its_hash_recorded() -> None:
    if os.environ.get("THESELLER_WRITE_DOCS"):
        add_landed()
    missing = sorted(present().keys() - landed().keys())
    assert not missing, f"bin/regenerate adds {', '.join(missing)} to tests/upgrades/landed.json"


def test_the_record_names_every_migration_of_the_first_release() -> None:
    assert {
        "tenancy/migrations/0001_initial.py",
        "tenancy/sql/guard.sql",
        "ingest/sql/tables.sql",
    } <= set(recorded())
